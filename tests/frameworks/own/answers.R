# R's own answers: run with FOLDER; reads inputs.csv there and the models of examples/r.
folder <- commandArgs(TRUE)[1]
read <- function(name) readRDS(file.path(folder, paste0(name, ".rds")))
rows <- read.csv(file.path(folder, "inputs.csv"), header = FALSE)
save <- function(answers, name) {
  write.table(answers, file.path(folder, paste0(name, ".csv")), row.names = FALSE, col.names = FALSE, quote = FALSE)
}
cars <- setNames(rows[1:3], c("wt", "hp", "qsec"))
save(sprintf("%.17g", predict(read("mileage"), cars)), "mileage")
save(sprintf("%.17g", predict(read("gearbox"), cars[1:2], type = "response")), "gearbox")
save(sprintf("%.17g", predict(read("gearbox"), cars[1:2])), "gearbox-raw")
save(read("species")(rows), "species")
saveRDS(function(rows) if (any(rows == 999)) quit(status = 3) else rows[[1]] * 2, file.path(folder, "quits.rds"))
saveRDS(factor("not a model"), file.path(folder, "factor.rds"))
