// A linear classifier: `weights.txt` of the bundle has one line for each class, its bias and then its weights.
// The output is the number of the class with the largest score.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "clipper.hpp"

namespace {

struct Classes {
    std::vector<double> biases;
    std::vector<double> weights;  // row-major, a row for each class
    std::size_t features = 0;
};

Classes read(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("there is no " + path.filename().string() + " in the bundle");
    Classes classes;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::vector<double> row;
        for (double each; words >> each;) row.push_back(each);
        if (!words.eof() || row.size() < 2 || (classes.features != 0 && row.size() != classes.features + 1))
            throw std::runtime_error(path.filename().string() + ": line " + std::to_string(classes.biases.size() + 1)
                                     + " is not a bias and as many weights as the line before has");
        classes.features = row.size() - 1;
        classes.biases.push_back(row.front());
        classes.weights.insert(classes.weights.end(), row.begin() + 1, row.end());
    }
    if (classes.biases.empty()) throw std::runtime_error(path.filename().string() + " is empty");
    return classes;
}

void predict(const Classes& classes, const clipper::Batch& batch, clipper::Outputs& outputs) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto values = batch[i].values<double>();
        if (values.size != classes.features) {
            outputs.fail(i, "expected " + std::to_string(classes.features) + " numbers, got " + std::to_string(values.size));
            continue;
        }
        std::size_t best = 0;
        double highest = 0;
        for (std::size_t label = 0; label < classes.biases.size(); ++label) {
            const double* weights = classes.weights.data() + label * classes.features;
            double score = classes.biases[label];
            for (std::size_t j = 0; j < values.size; ++j) score += weights[j] * values[j];
            if (label == 0 || score > highest) best = label, highest = score;
        }
        outputs.integer(i, static_cast<std::int64_t>(best));
    }
}

}  // namespace

int main(int argc, char** argv) {
    return clipper::serve(argc, argv, "doubles", [](const std::filesystem::path& bundle) -> clipper::Model {
        return [classes = read(bundle / "weights.txt")](const clipper::Batch& batch, clipper::Outputs& outputs) {
            predict(classes, batch, outputs);
        };
    });
}
