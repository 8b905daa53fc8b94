// The agreed model of the conformance driver: see docs/protocol.md.
#include <chrono>
#include <string>
#include <thread>

#include "clipper.hpp"

namespace {

using clipper::DType;
using clipper::Row;

constexpr const char* kNames[] = {"bytes", "int32", "float32", "float64", "string", "uint8"};

std::string described(const Row& row) {
    std::string shape;
    for (const std::uint32_t each : row.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(each);
    return std::string("{\"type\": \"") + kNames[static_cast<int>(row.dtype)] + "\", \"shape\": [" + shape + "], ";
}

template <class T>
double sum(const Row& row) {
    double total = 0;
    for (const T each : row.values<T>()) total += each;
    return total;
}

double sum_of(const Row& row) {
    switch (row.dtype) {
        case DType::int32: return sum<std::int32_t>(row);
        case DType::float32: return sum<float>(row);
        case DType::float64: return sum<double>(row);
        default: return sum<std::uint8_t>(row);
    }
}

std::string answer(const Row& row) {
    if (row.bytes.size == 0) throw std::invalid_argument("no elements");
    if (row.dtype != DType::string) return described(row) + "\"sum\": " + clipper::json_number(sum_of(row)) + "}";
    const std::string text(row.text());
    const std::string quoted = clipper::json_string(text);
    if (text.rfind("fail", 0) == 0) throw std::invalid_argument(text);
    if (text.rfind("sleep ", 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(text.substr(6))));
    return described(row) + "\"text\": " + quoted + "}";
}

void predict(const clipper::Batch& batch, clipper::Outputs& outputs) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
        try {
            outputs.json(i, answer(batch[i]));
        } catch (const std::invalid_argument& error) {
            outputs.fail(i, error.what());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    return clipper::serve(argc, argv, "doubles", [](const std::filesystem::path&) -> clipper::Model { return predict; });
}
