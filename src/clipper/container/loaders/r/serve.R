# Answers batches with a model of R: started by the loader beside it as `Rscript serve.R MODEL OUTPUT`.
#
# Reads from its standard input, for each batch, two integers (rows and columns) and the rows as doubles; answers with two
# integers (what follows, and how much of it) and that: numbers for each row, zero-terminated texts, or why it failed.
NUMBERS <- 0L; TEXTS <- 1L; FAILURE <- 2L

# What `predict` is asked of the classes that have to be asked; others give what they predict by themselves.
TYPES <- list(
  labels = c(rpart = "class", glm = "response"),
  scores = c(rpart = "prob", multinom = "probs", randomForest = "prob")
)

given <- commandArgs(TRUE)
input <- file("stdin", "rb")
output <- pipe("cat", "wb")  # stdout() is for text only
sink(stderr())               # what a model prints must not end up between answers

say <- function(kind, count, content) {
  writeBin(c(kind, count), output, endian = "little")
  writeBin(content, output, endian = "little")
  flush(output)
}

fail <- function(error) say(FAILURE, 1L, enc2utf8(conditionMessage(error)))

# The columns that a model was fitted to, or V1, V2, ...
columns <- function(model, count) {
  terms <- tryCatch(delete.response(terms(model)), error = function(error) NULL)
  names <- if (is.null(terms)) paste0("V", seq_len(count)) else all.vars(terms)
  if (length(names) != count) {
    stop("the input has the shape ", count, ", and the model takes ", length(names), ": ", toString(names))
  }
  names
}

predictor <- function(model, wanted) {
  for (package in intersect(class(model), c("rpart", "randomForest"))) library(package, character.only = TRUE)
  if (inherits(model, "multinom")) library(nnet)
  if (inherits(model, "svm")) library(e1071)
  if (is.function(model)) {
    if (wanted == "scores") stop("Invalid output 'scores': the model is a function; expected 'labels'")
    return(model)
  }
  asked <- TYPES[[wanted]][intersect(class(model), names(TYPES[[wanted]]))]
  if (inherits(model, "rpart") && model$method != "class") asked <- character(0)
  if (wanted == "scores" && length(asked) == 0) {
    stop("Invalid output 'scores': predict() gives none for ", class(model)[1], "; expected 'labels' or 'raw'")
  }
  if (length(asked) == 0) function(rows) predict(model, rows) else function(rows) predict(model, rows, type = asked[[1]])
}

answer <- function(result, count) {
  if (is.factor(result)) result <- as.character(result)
  size <- if (is.matrix(result)) nrow(result) else length(result)
  if (size != count) stop("the model gave ", size, " answers for ", count, " rows")
  if (is.character(result)) say(TEXTS, count, enc2utf8(result))
  else say(NUMBERS, length(result) %/% count, as.double(if (is.matrix(result)) t(result) else result))
}

model <- NULL
ask <- NULL
tryCatch({
  model <- readRDS(given[1])
  ask <- predictor(model, given[2])
  say(NUMBERS, 0L, double(0))
}, error = function(error) { fail(error); quit(status = 1) })

repeat {
  sizes <- readBin(input, "integer", 2, endian = "little")
  if (length(sizes) < 2) break
  values <- readBin(input, "double", prod(sizes), endian = "little")
  tryCatch({
    rows <- as.data.frame(matrix(values, sizes[1], sizes[2], byrow = TRUE))
    names(rows) <- columns(model, sizes[2])
    answer(ask(rows), sizes[1])
  }, error = fail)
}
