// A model container for Clipper in C++17, in one header and without dependencies. Linux.
//
//     #include "clipper.hpp"
//     int main(int argc, char** argv) {
//         return clipper::serve(argc, argv, "doubles", [](const std::filesystem::path& bundle) -> clipper::Model {
//             return [weights = load(bundle / "weights.txt")](const clipper::Batch& batch, clipper::Outputs& outputs) {
//                 for (std::size_t i = 0; i < batch.size(); ++i) outputs.number(i, dot(weights, batch[i].values<double>()));
//             };
//         });
//     }
//
// It speaks the protocol of docs/protocol.md, version 1. One thread: it reads and writes for all peers without blocking,
// and computes one batch at a time, each peer in its turn. Everything that a peer can make it hold is bounded.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#ifndef F_GET_SEALS  // of linux/fcntl.h, which older C libraries do not include
#define F_GET_SEALS 1034
#define F_SEAL_SHRINK 2
#endif

namespace clipper {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, and rows are not copied");

// --- limits ------------------------------------------------------------------------------------------------------------

constexpr std::size_t kMaxBody = 64u << 20;         // of a frame, once the peer has proved itself
constexpr std::size_t kMaxHandshake = 64u << 10;    // before
constexpr std::uint32_t kMaxBatch = 65536;          // inputs
constexpr std::uint8_t kMaxDimensions = 8;          // of an input
constexpr std::uint64_t kMaxArena = 1u << 30;       // memory that a peer may lend
constexpr std::size_t kMaxPeers = 64;               // one more is hung up on
constexpr std::size_t kKeptBuffer = 8u << 20;       // for the next batch of a peer; what is larger is given back
constexpr int kMaxJsonDepth = 64;                   // of a handshake
constexpr int kSocketBuffer = 4 << 20;              // asked of the kernel: two batches should be under way
constexpr auto kPeerPatience = std::chrono::seconds(5);  // for a peer that stops in the middle of something
constexpr auto kGoodbyePatience = std::chrono::seconds(1);  // for all peers together to take their last results

enum ExitCode { kAsked = 0, kUsage = 2, kCannotLoad = 4, kCannotListen = 6 };

// --- what a model sees ---------------------------------------------------------------------------------------------------

enum class DType : std::uint8_t { bytes = 0, int32 = 1, float32 = 2, float64 = 3, string = 4, uint8 = 5 };

inline std::size_t item_size(DType dtype) {
    return dtype == DType::float64 ? 8 : dtype == DType::int32 || dtype == DType::float32 ? 4 : 1;
}

template <class T>
struct Span {
    const T* data;
    std::size_t size;
    const T* begin() const { return data; }
    const T* end() const { return data + size; }
    const T& operator[](std::size_t i) const { return data[i]; }
};

// One input. `shape` has one entry for bytes and strings: the length.
struct Row {
    DType dtype;
    Span<std::uint32_t> shape;
    Span<std::uint8_t> bytes;

    // The elements, row-major. Throws unless T is int32_t, float, double or uint8_t as `dtype` says.
    template <class T>
    Span<T> values() const;
    std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }
};

template <class T>
bool holds(DType dtype) {
    if constexpr (std::is_same_v<T, std::int32_t>) return dtype == DType::int32;
    if constexpr (std::is_same_v<T, float>) return dtype == DType::float32;
    if constexpr (std::is_same_v<T, double>) return dtype == DType::float64;
    if constexpr (std::is_same_v<T, std::uint8_t>) return item_size(dtype) == 1;
    return false;
}

template <class T>
Span<T> Row::values() const {
    if (!holds<T>(dtype)) throw std::invalid_argument("the input has elements of another type");
    return {reinterpret_cast<const T*>(bytes.data), bytes.size / sizeof(T)};  // every row begins at a multiple of T's size
}

// The inputs of one batch, valid during the call.
class Batch {
public:
    Batch(DType dtype, std::uint8_t ndim, std::vector<std::uint32_t> dimensions, bool uniform, std::size_t size,
          const std::uint8_t* rows)
        : dtype_(dtype), ndim_(ndim), uniform_(uniform), size_(size), dimensions_(std::move(dimensions)) {
        offsets_.reserve(size + 1);
        offsets_.push_back(rows);
        for (std::size_t i = 0; i < size; ++i) offsets_.push_back(offsets_.back() + row_bytes(i));
    }

    std::size_t size() const { return size_; }
    DType dtype() const { return dtype_; }
    // Whether all rows have one shape: then `values` is one array [size, *shape].
    bool uniform() const { return uniform_; }

    Row operator[](std::size_t i) const {
        return {dtype_, {shape(i), ndim_}, {offsets_[i], static_cast<std::size_t>(offsets_[i + 1] - offsets_[i])}};
    }

    // All elements of all rows, back to back. Throws as Row::values.
    template <class T>
    Span<T> values() const {
        return Row{dtype_, {}, {offsets_.front(), static_cast<std::size_t>(offsets_.back() - offsets_.front())}}.values<T>();
    }

    Batch item(std::size_t i) const {
        return Batch(dtype_, ndim_, {shape(i), shape(i) + ndim_}, uniform_, 1, offsets_[i]);
    }

private:
    const std::uint32_t* shape(std::size_t i) const { return dimensions_.data() + (uniform_ ? 0 : i * ndim_); }
    std::size_t row_bytes(std::size_t i) const {
        std::size_t total = item_size(dtype_);
        for (std::uint8_t each = 0; each < ndim_; ++each) total *= shape(i)[each];
        return total;
    }

    DType dtype_;
    std::uint8_t ndim_;
    bool uniform_;
    std::size_t size_;
    std::vector<std::uint32_t> dimensions_;
    std::vector<const std::uint8_t*> offsets_;
};

// How many bytes of `text` from `at` on are one character of UTF-8; 0 if they are none.
inline std::size_t utf8_length(std::string_view text, std::size_t at) {
    auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned first = byte(at), second = byte(at + 1);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4 : 0;
    if (length == 0 || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)
        || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    return length;
}

// `text` as a JSON string. Throws std::invalid_argument if it is not UTF-8.
inline std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    for (std::size_t at = 0; at < text.size();) {
        const unsigned char character = text[at];
        const std::size_t length = utf8_length(text, at);
        if (length == 0) throw std::invalid_argument("the text is not UTF-8");
        if (character == '"' || character == '\\') {
            quoted += '\\';
            quoted += text[at];
        } else if (character < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", character);
            quoted += escaped;
        } else {
            quoted.append(text, at, length);
        }
        at += length;
    }
    return quoted + '"';
}

// A finite number as JSON text that reads back as the same. Throws std::invalid_argument for NaN and infinities.
inline std::string json_number(double value) {
    if (!std::isfinite(value)) throw std::invalid_argument("the output is not a finite number, which JSON has no word for");
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// Where a model puts one outcome for each input, in any order; an input without one has failed.
class Outputs {
public:
    explicit Outputs(std::size_t size) : items_(size, Item{"the model gave no output", true}) {}

    std::size_t size() const { return items_.size(); }
    void number(std::size_t i, double value) {  // NaN and infinities fail: JSON has none
        if (std::isfinite(value)) items_.at(i) = {json_number(value), false};
        else fail(i, "the output is not a finite number");
    }
    void integer(std::size_t i, std::int64_t value) { items_.at(i) = {std::to_string(value), false}; }
    void text(std::size_t i, std::string_view value) { items_.at(i) = {json_string(value), false}; }
    void json(std::size_t i, std::string text) { items_.at(i) = {std::move(text), false}; }  // taken as it is
    void fail(std::size_t i, std::string message) { items_.at(i) = {std::move(message), true}; }

private:
    struct Item {
        std::string text;
        bool failed;
    };
    std::vector<Item> items_;
    friend class Container;
    friend std::string encode_result(std::uint64_t, const Outputs&, std::uint64_t);
};

// Answers a batch. What it throws fails the batch, whose inputs are then tried one by one.
using Model = std::function<void(const Batch&, Outputs&)>;

// Makes the model of a bundle's folder. What it throws is the container's last word: exit code 4.
using Loader = std::function<Model(const std::filesystem::path& bundle)>;

// --- the wire --------------------------------------------------------------------------------------------------------------

enum class Message : std::uint8_t { hello = 1, welcome, reject, predict, result, ping, pong, goodbye };

// The peer broke the protocol: its connection ends, and no other.
struct ProtocolError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class T>
void put(std::string& target, T value) {
    target.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T get(const std::uint8_t* source) {
    T value;
    std::memcpy(&value, source, sizeof value);
    return value;
}

inline std::string frame(Message message, std::uint64_t id, std::string_view body = {}) {
    std::string data;
    data.reserve(16 + body.size());
    put(data, static_cast<std::uint32_t>(body.size()));
    put(data, message);
    put(data, std::uint8_t{0});
    put(data, std::uint16_t{0});
    put(data, id);
    return data.append(body);
}

inline std::string encode_result(std::uint64_t id, const Outputs& outputs, std::uint64_t compute_ns) {
    constexpr std::uint32_t kFailed = 1u << 31;
    std::size_t length = 16 + 4 * outputs.size();
    for (const auto& item : outputs.items_) length += item.text.size();
    if (length > kMaxBody) {
        Outputs failures(outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) failures.fail(i, "the outputs of the batch are too large");
        return encode_result(id, failures, compute_ns);
    }
    std::string body;
    body.reserve(length);
    put(body, static_cast<std::uint32_t>(outputs.size()));
    put(body, std::uint32_t{0});
    put(body, compute_ns);
    for (const auto& item : outputs.items_)
        put(body, static_cast<std::uint32_t>(item.text.size()) | (item.failed ? kFailed : 0));
    for (const auto& item : outputs.items_) body += item.text;
    return frame(Message::result, id, body);
}

// Memory that a peer has lent, to be read only.
struct Arena {
    const std::uint8_t* data = nullptr;
    std::uint64_t size = 0;
};

// a * b, or a number over every limit: what a peer multiplies must not wrap around.
inline std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    std::uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

// The body of a PREDICT. Throws ProtocolError unless its lengths add up exactly.
inline Batch decode_predict(const std::uint8_t* body, std::size_t length, const Arena& arena) {
    if (length < 8) throw ProtocolError("a PREDICT that ends in its header");
    const auto size = get<std::uint32_t>(body);
    const std::uint8_t code = body[4], layout = body[5], ndim = body[6], place = body[7];
    if (code > 5 || layout > 1 || place > 1) throw ProtocolError("a PREDICT of an unknown type, layout or place");
    const DType dtype{code};
    const bool uniform = layout == 0;
    if (size < 1 || size > kMaxBatch || ndim < 1 || ndim > kMaxDimensions)
        throw ProtocolError("a PREDICT with too few or too many inputs or dimensions");
    if ((dtype == DType::bytes || dtype == DType::string) && (uniform || ndim != 1))
        throw ProtocolError("a PREDICT of bytes or strings that is not ragged with one dimension");
    const std::size_t count = std::size_t{ndim} * (uniform ? 1 : size);
    const std::size_t start = (8 + 4 * count + 7) / 8 * 8;
    if (length < start) throw ProtocolError("a PREDICT that ends in its dimensions");
    std::vector<std::uint32_t> dimensions(count);
    std::memcpy(dimensions.data(), body + 8, 4 * count);
    std::uint64_t needed = 0;
    for (std::size_t row = 0; row < count; row += ndim) {
        // A dimension of zero makes the product zero whatever the others are, so it comes first.
        std::uint64_t bytes = std::count(&dimensions[row], &dimensions[row] + ndim, 0u) ? 0 : item_size(dtype);
        for (std::size_t i = row; i < row + ndim; ++i) bytes = times(bytes, dimensions[i]);
        if (bytes > kMaxArena) throw ProtocolError("a PREDICT with an input that is too large");
        needed += bytes;  // at most kMaxBatch * kMaxArena
    }
    if (uniform) needed = times(needed, size);
    const std::uint8_t* rows = body + start;
    if (place == 1) {
        if (length - start != 8) throw ProtocolError("a PREDICT without the offset of its rows");
        const auto offset = get<std::uint64_t>(rows);
        if (arena.data == nullptr || offset % 8 || offset > arena.size || needed > arena.size - offset)
            throw ProtocolError("a PREDICT whose rows lie outside of the arena");
        rows = arena.data + offset;
    } else if (needed != length - start) {
        throw ProtocolError("a PREDICT whose rows are not as long as its dimensions say");
    }
    return Batch(dtype, ndim, std::move(dimensions), uniform, size, rows);
}

// --- the handshake -----------------------------------------------------------------------------------------------------------

// Reads one JSON object and keeps its own strings and whole numbers. Throws ProtocolError for what is no JSON object.
class JsonObject {
public:
    explicit JsonObject(std::string_view text) : text_(text) {
        space();
        if (peek() != '{') throw ProtocolError("a handshake that is not a JSON object");
        value(0, nullptr);
        space();
        if (at_ != text_.size()) throw ProtocolError("a handshake with something after its JSON object");
    }

    const std::string& text(const std::string& name) const {
        for (auto field = fields_.rbegin(); field != fields_.rend(); ++field)
            if (field->name == name && field->kind == Kind::text) return field->text;
            else if (field->name == name) break;
        throw ProtocolError("a handshake without the string '" + name + "'");
    }

    std::int64_t integer(const std::string& name, const std::int64_t* missing = nullptr) const {
        for (auto field = fields_.rbegin(); field != fields_.rend(); ++field)
            if (field->name == name && field->kind == Kind::integer) return field->integer;
            else if (field->name == name) throw ProtocolError("a handshake whose '" + name + "' is no whole number");
        if (missing != nullptr) return *missing;
        throw ProtocolError("a handshake without the number '" + name + "'");
    }

private:
    enum class Kind { other, text, integer };
    struct Field {
        std::string name;
        Kind kind = Kind::other;
        std::string text;
        std::int64_t integer = 0;
    };

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    void space() {
        while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) != nullptr && text_[at_] != '\0') ++at_;
    }
    void expect(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) throw ProtocolError("a handshake that is not JSON");
        at_ += word.size();
    }

    void value(int depth, Field* field) {
        if (depth > kMaxJsonDepth) throw ProtocolError("a handshake that is nested too deeply");
        space();
        switch (peek()) {
            case '{': return members(depth);
            case '[': return elements(depth);
            case 't': return expect("true");
            case 'f': return expect("false");
            case 'n': return expect("null");
            case '"': {
                std::string found = string();
                if (field != nullptr) field->kind = Kind::text, field->text = std::move(found);
                return;
            }
            default: return number(field);
        }
    }

    void members(int depth) {
        expect("{");
        for (space(); peek() != '}'; space()) {
            Field field;
            field.name = string();
            space();
            expect(":");
            value(depth + 1, &field);
            if (depth == 0) fields_.push_back(std::move(field));
            space();
            if (peek() == '}') break;
            expect(",");
            space();
            if (peek() == '}') throw ProtocolError("a handshake that is not JSON");
        }
        expect("}");
    }

    void elements(int depth) {
        expect("[");
        for (space(); peek() != ']'; space()) {
            value(depth + 1, nullptr);
            space();
            if (peek() == ']') break;
            expect(",");
            space();
            if (peek() == ']') throw ProtocolError("a handshake that is not JSON");
        }
        expect("]");
    }

    void number(Field* field) {
        const std::size_t start = at_;
        while (at_ < text_.size() && std::strchr("+-.0123456789eE", text_[at_]) != nullptr && text_[at_] != '\0') ++at_;
        const std::string_view text = text_.substr(start, at_ - start);
        double any;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), any);
        if (text.empty() || end != text.data() + text.size() || problem == std::errc::invalid_argument)
            throw ProtocolError("a handshake that is not JSON");
        if (field == nullptr) return;
        const auto whole = std::from_chars(text.data(), text.data() + text.size(), field->integer);
        if (whole.ec == std::errc() && whole.ptr == text.data() + text.size()) field->kind = Kind::integer;
    }

    std::string string() {
        expect("\"");
        std::string found;
        while (peek() != '"') {
            const std::size_t length = at_ < text_.size() ? utf8_length(text_, at_) : 0;
            if (length == 0 || static_cast<unsigned char>(text_[at_]) < 0x20)
                throw ProtocolError("a handshake with a string that is none");
            if (text_[at_] == '\\') {
                ++at_;
                escape(found);
            } else {
                found.append(text_, at_, length);
                at_ += length;
            }
        }
        ++at_;
        return found;
    }

    void escape(std::string& found) {
        static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
        const char name = peek();
        ++at_;
        if (name == 'u') {
            append_character(found, hexadecimal());
        } else if (const auto which = kNames.find(name); name != '\0' && which != kNames.npos) {
            found += kMeanings[which];
        } else {
            throw ProtocolError("a handshake with an unknown escape");
        }
    }

    unsigned hexadecimal() {
        unsigned code = 0;
        const std::string_view digits = text_.substr(at_, 4);
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (digits.size() != 4 || problem != std::errc() || end != digits.data() + 4)
            throw ProtocolError("a handshake with an unknown escape");
        at_ += 4;
        return code;
    }

    void append_character(std::string& found, unsigned code) {
        if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
            at_ += 2;
            const unsigned low = hexadecimal();
            code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
        } else if (code >= 0xD800 && code < 0xE000) {
            code = 0xFFFD;  // half of a pair: no character, and in no field that we look at
        }
        if (code < 0x80) {
            found += static_cast<char>(code);
        } else if (code < 0x800) {
            found += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
        } else if (code < 0x10000) {
            found += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                      static_cast<char>(0x80 | (code & 0x3F))};
        } else {
            found += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3F)),
                      static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Field> fields_;
};

// Compares without telling by the time taken how much was right.
inline bool same_secret(std::string_view given, std::string_view expected) {
    unsigned different = given.size() != expected.size();
    for (std::size_t i = 0; i < expected.size(); ++i)
        different |= static_cast<unsigned char>(i < given.size() ? given[i] : 0) ^ static_cast<unsigned char>(expected[i]);
    return different == 0;
}

// --- one connection ------------------------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

// A frontend or the controller. Holds one frame of it at a time: the next ones wait in the socket.
class Peer {
public:
    explicit Peer(int connection) : connection_(connection), overdue_(Clock::now() + kPeerPatience) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        ::close(connection_);
        drop_descriptor();
        if (arena_.data != nullptr) ::munmap(const_cast<std::uint8_t*>(arena_.data), arena_.size);
    }

    int connection() const { return connection_; }
    bool welcome() const { return welcome_; }
    const Arena& arena() const { return arena_; }
    bool blocked() const { return sent_ < unsent_.size(); }
    bool has_frame() const { return head_filled_ == sizeof head_ && filled_ == length(); }
    bool has_work() const { return has_frame() && !blocked(); }
    bool overdue(Clock::time_point now) const { return overdue_ <= now && !has_work(); }
    Clock::time_point overdue_at() const { return overdue_; }

    Message message() const { return Message{head_[4]}; }
    std::uint64_t id() const { return get<std::uint64_t>(head_ + 8); }
    const std::uint8_t* body() const { return reinterpret_cast<const std::uint8_t*>(body_.get()); }
    std::size_t length() const { return get<std::uint32_t>(head_); }

    void let_in() { welcome_ = true; }

    // Reads as much of the frame at hand as is there. False: the peer has gone. Throws ProtocolError.
    bool receive() {
        while (!has_frame()) {
            const bool in_head = head_filled_ < sizeof head_;
            std::uint8_t* target = in_head ? head_ + head_filled_ : reinterpret_cast<std::uint8_t*>(body_.get()) + filled_;
            const ssize_t got = read(target, in_head ? sizeof head_ - head_filled_ : length() - filled_);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
            if (got <= 0) return false;
            if (!in_head) {
                filled_ += got;
            } else if ((head_filled_ += got) == sizeof head_) {
                check_head();
            }
        }
        set_timer();
        return true;
    }

    // The frame at hand is done with.
    void next_frame() {
        head_filled_ = filled_ = 0;
        if (capacity_ > kKeptBuffer) body_.reset(), capacity_ = 0;
        set_timer();
    }

    // Sends `data` as far as the peer takes it, and keeps the rest. False: the peer has gone.
    bool send(std::string data) {
        unsent_.erase(0, sent_);
        sent_ = 0;
        if (unsent_.empty()) unsent_ = std::move(data);
        else unsent_ += data;
        return flush();
    }

    bool flush() {
        while (blocked()) {
            const ssize_t sent = ::send(connection_, unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL);
            if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
            if (sent < 0) return false;
            sent_ += sent;
        }
        if (!blocked()) unsent_ = {}, sent_ = 0;
        set_timer();
        return true;
    }

    // Takes the memory that came with HELLO, if it is what the protocol asks for: else reading it could end us.
    bool map_arena(std::uint64_t size) {
        struct stat file = {};
        const int seals = descriptor_ < 0 ? -1 : ::fcntl(descriptor_, F_GET_SEALS);
        if (seals >= 0 && (seals & F_SEAL_SHRINK) && size > 0 && ::fstat(descriptor_, &file) == 0
            && static_cast<std::uint64_t>(file.st_size) >= size) {
            void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
            if (memory != MAP_FAILED) arena_ = {static_cast<const std::uint8_t*>(memory), size};
        }
        drop_descriptor();
        return arena_.data != nullptr;
    }

private:
    // Before the handshake a descriptor may come with any byte; one is kept at most.
    ssize_t read(std::uint8_t* target, std::size_t length) {
        if (welcome_) return ::recv(connection_, target, length, 0);
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        iovec part = {target, length};
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t got = ::recvmsg(connection_, &message, MSG_CMSG_CLOEXEC);
        for (cmsghdr* each = got < 0 ? nullptr : CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
            if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
            drop_descriptor();
            std::memcpy(&descriptor_, CMSG_DATA(each), sizeof descriptor_);
        }
        return got;
    }

    void check_head() {
        const std::uint8_t code = head_[4];
        if (code < 1 || code > 8 || head_[5] != 0 || get<std::uint16_t>(head_ + 6) != 0) throw ProtocolError("no frame");
        if (length() > (welcome_ ? kMaxBody : kMaxHandshake)) throw ProtocolError("a body over the limit");
        if (welcome_ ? message() < Message::predict || message() == Message::result : message() != Message::hello)
            throw ProtocolError("a message that is not expected here");
        if (length() > capacity_) {
            capacity_ = std::max<std::size_t>(length(), 4096);
            body_.reset(new std::uint64_t[(capacity_ + 7) / 8]);
        }
    }

    // The handshake has one deadline; later the peer has one whenever it is its turn to move.
    void set_timer() {
        if (!welcome_) return;
        const bool mid_frame = !has_frame() && head_filled_ > 0;
        overdue_ = blocked() || mid_frame ? Clock::now() + kPeerPatience : Clock::time_point::max();
    }

    void drop_descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

    int connection_;
    int descriptor_ = -1;
    bool welcome_ = false;
    Arena arena_;
    alignas(8) std::uint8_t head_[16] = {};
    std::size_t head_filled_ = 0;
    std::unique_ptr<std::uint64_t[]> body_;  // aligned, so that rows are
    std::size_t capacity_ = 0;
    std::size_t filled_ = 0;
    std::string unsent_;
    std::size_t sent_ = 0;
    Clock::time_point overdue_;
};

// --- the socket ------------------------------------------------------------------------------------------------------------------

inline void log(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

// Where the container listens: `unix:/path`, for this user only, or `tcp:host:port`. Throws std::runtime_error.
class Listener {
public:
    explicit Listener(const std::string& address) {
        if (address.rfind("unix:/", 0) == 0) listen_unix(address.substr(5));
        else if (address.rfind("tcp:", 0) == 0 && address.find(':', 4) != std::string::npos) listen_tcp(address.substr(4));
        else throw std::runtime_error("expected unix:/absolute/path or tcp:host:port");
        if (::listen(socket_, kMaxPeers) != 0) fail("listen");
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() {
        if (socket_ >= 0) ::close(socket_);
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    int socket() const { return socket_; }

    // A connection that does not block, or -1.
    int accept() const {
        const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0) return -1;
        const int on = 1;
        ::setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
        ::setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
        if (path_.empty()) ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return connection;
    }

private:
    void listen_unix(const std::string& path) {
        sockaddr_un name = {};
        name.sun_family = AF_UNIX;
        if (path.size() >= sizeof name.sun_path) throw std::runtime_error("the path of the socket is too long");
        std::memcpy(name.sun_path, path.c_str(), path.size());
        struct stat left = {};
        if (::lstat(path.c_str(), &left) == 0 && S_ISSOCK(left.st_mode)) ::unlink(path.c_str());
        socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const mode_t before = ::umask(0177);
        const int bound = ::bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name);
        ::umask(before);
        if (bound != 0) fail("bind");
        path_ = path;
    }

    void listen_tcp(const std::string& place) {
        const std::size_t colon = place.rfind(':');
        addrinfo wanted = {}, *found = nullptr;
        wanted.ai_socktype = SOCK_STREAM;
        wanted.ai_flags = AI_NUMERICSERV;
        const int problem = ::getaddrinfo(place.substr(0, colon).c_str(), place.substr(colon + 1).c_str(), &wanted, &found);
        if (problem != 0) throw std::runtime_error(::gai_strerror(problem));
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
        socket_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(socket_, found->ai_addr, found->ai_addrlen) != 0) fail("bind");
    }

    [[noreturn]] void fail(const char* call) {
        const std::string reason = std::string(call) + ": " + std::strerror(errno);
        if (socket_ >= 0) ::close(socket_);
        throw std::runtime_error(reason);
    }

    int socket_ = -1;
    std::string path_;
};

// --- the container -----------------------------------------------------------------------------------------------------------------

struct Options {
    std::filesystem::path bundle;
    std::string listen, model, version, token, input_type;
    std::chrono::duration<double> orphan_grace{10.0};
};

inline volatile std::sig_atomic_t stop_requested = 0;

class Container {
public:
    Container(const Options& options, Model model, const Listener& listener)
        : options_(options), model_(std::move(model)), listener_(listener) {}

    // Serves until SIGTERM or SIGINT, which must be blocked outside of it, or until nobody was there for the grace.
    void run() {
        orphan_at_ = Clock::now() + grace();
        while (!stop_requested && Clock::now() < orphan_at_) turn();
        log(stop_requested ? "Leaving: asked to stop" : "Leaving: no peer");
        leave();
    }

private:
    using Position = std::list<Peer>::iterator;

    void turn() {
        std::vector<pollfd> watched = {{listener_.socket(), POLLIN, 0}};
        for (const Peer& peer : peers_)
            watched.push_back({peer.connection(), static_cast<short>(peer.blocked() ? POLLOUT : peer.has_frame() ? 0 : POLLIN), 0});
        wait(watched);
        if (watched[0].revents != 0) accept();
        auto ready = watched.begin() + 1;
        for (Position peer = peers_.begin(); ready != watched.end(); ++ready) {
            const Position each = peer++;
            if (ready->revents != 0 && !each->has_work()) move(each);
        }
        const auto now = Clock::now();
        for (Position peer = peers_.begin(); peer != peers_.end();) {
            const Position each = peer++;
            if (each->overdue(now)) hang_up(each, "it kept us waiting in the middle of a message");
        }
        answer_one();
    }

    void wait(std::vector<pollfd>& watched) {
        auto until = orphan_at_;
        bool work = false;
        for (const Peer& peer : peers_) {
            until = std::min(until, peer.overdue_at());
            work = work || peer.has_work();
        }
        constexpr auto kLongest = std::chrono::nanoseconds(std::chrono::hours(1));  // orphan_at_ may be never
        const auto now = Clock::now();
        const auto left = work || until <= now ? std::chrono::nanoseconds(0)
                        : until - now > kLongest ? kLongest : std::chrono::nanoseconds(until - now);
        timespec limit = {static_cast<time_t>(left.count() / 1000000000), static_cast<long>(left.count() % 1000000000)};
        sigset_t none;  // a signal arrives here or nowhere: none is lost between the look at the flag and the wait
        sigemptyset(&none);
        if (::ppoll(watched.data(), watched.size(), &limit, &none) < 0)
            for (pollfd& each : watched) each.revents = 0;
    }

    void accept() {
        const int connection = listener_.accept();
        if (connection < 0) return;
        if (peers_.size() >= kMaxPeers) ::close(connection);
        else peers_.emplace_back(connection);
    }

    // Bytes in or out.
    void move(Position peer) {
        try {
            if (!(peer->blocked() ? peer->flush() : peer->receive())) hang_up(peer, "it has gone");
        } catch (const ProtocolError& error) {
            hang_up(peer, error.what());
        }
    }

    // Answers the first peer that waits for something; the others are next.
    void answer_one() {
        const Position peer = std::find_if(peers_.begin(), peers_.end(), [](const Peer& each) { return each.has_work(); });
        if (peer == peers_.end()) return;
        peers_.splice(peers_.end(), peers_, peer);
        const char* problem = nullptr;
        std::string reason;
        try {
            if (peer->message() == Message::goodbye) problem = "it said goodbye";
            else if (!answer(*peer)) problem = "it has gone";
        } catch (const ProtocolError& error) {
            problem = (reason = error.what()).c_str();
        }
        if (problem != nullptr) return hang_up(peer, problem);
        peer->next_frame();
    }

    // False: the peer has gone, or is refused.
    bool answer(Peer& peer) {
        switch (peer.message()) {
            case Message::hello: return greet(peer);
            case Message::ping: return peer.send(frame(Message::pong, peer.id()));
            case Message::predict: return peer.send(predict(peer));
            default: return true;  // a PONG
        }
    }

    bool greet(Peer& peer) {
        const JsonObject hello({reinterpret_cast<const char*>(peer.body()), peer.length()});
        static constexpr std::int64_t kNoArena = 0;
        const std::int64_t protocol = hello.integer("protocol"), arena = hello.integer("arena", &kNoArena);
        const std::string &token = hello.text("token"), &name = hello.text("peer");
        if (arena < 0 || static_cast<std::uint64_t>(arena) > kMaxArena) throw ProtocolError("an arena over the limit");
        if (protocol != 1) return refuse(peer, "protocol", "This container speaks protocol 1");
        if (!same_secret(token, options_.token.substr(0, 32)))
            return refuse(peer, "token", "The token is not the one this container was started with");
        peer.let_in();
        orphan_at_ = Clock::time_point::max();
        log("Linked to " + json_string(name.substr(0, 80).find_first_of('\0') == name.npos ? name : "a peer"));
        const bool mapped = peer.map_arena(static_cast<std::uint64_t>(arena));
        return peer.send(frame(Message::welcome, 0,
            "{\"protocol\": 1, \"token\": " + json_string(options_.token.substr(32)) + ", \"model\": " + json_string(options_.model)
            + ", \"version\": " + json_string(options_.version) + ", \"input_type\": " + json_string(options_.input_type)
            + ", \"arena\": " + (mapped ? "true}" : "false}")));
    }

    bool refuse(Peer& peer, const std::string& code, const std::string& message) {
        peer.send(frame(Message::reject, 0, "{\"code\": " + json_string(code) + ", \"message\": " + json_string(message) + "}"));
        return false;
    }

    std::string predict(Peer& peer) {
        const auto start = Clock::now();
        const Batch batch = decode_predict(peer.body(), peer.length(), peer.arena());
        Outputs outputs(batch.size());
        try {
            model_(batch, outputs);
        } catch (const std::exception& error) {
            one_by_one(batch, outputs, error.what());
        }
        const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
        return encode_result(peer.id(), outputs, static_cast<std::uint64_t>(took.count()));
    }

    // One input that cannot be answered must not fail its batch-mates.
    void one_by_one(const Batch& batch, Outputs& outputs, const char* why) {
        if (batch.size() == 1) return outputs.fail(0, why);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            Outputs alone(1);
            try {
                model_(batch.item(i), alone);
            } catch (const std::exception& error) {
                alone.fail(0, error.what());
            }
            outputs.items_[i] = std::move(alone.items_[0]);
        }
    }

    void hang_up(Position peer, const std::string& reason) {
        log("Closed a link: " + reason);
        peers_.erase(peer);
        const bool alone = std::none_of(peers_.begin(), peers_.end(), [](const Peer& each) { return each.welcome(); });
        if (alone) orphan_at_ = std::min(orphan_at_, Clock::now() + grace());
    }

    // GOODBYE to all who are welcome, after what is left for them.
    void leave() {
        for (Position peer = peers_.begin(); peer != peers_.end();) {
            const Position each = peer++;
            if (!each->welcome() || !each->send(frame(Message::goodbye, 0))) peers_.erase(each);
        }
        const auto until = Clock::now() + kGoodbyePatience;
        while (std::any_of(peers_.begin(), peers_.end(), [](const Peer& each) { return each.blocked(); }) && Clock::now() < until) {
            std::vector<pollfd> watched;
            for (const Peer& peer : peers_) watched.push_back({peer.connection(), static_cast<short>(peer.blocked() ? POLLOUT : 0), 0});
            ::poll(watched.data(), watched.size(), 50);
            peers_.remove_if([](Peer& each) { return each.blocked() && !each.flush(); });
        }
        peers_.clear();
    }

    Clock::duration grace() const { return std::chrono::duration_cast<Clock::duration>(options_.orphan_grace); }

    const Options& options_;
    Model model_;
    const Listener& listener_;
    std::list<Peer> peers_;
    Clock::time_point orphan_at_;
};

// Throws std::invalid_argument naming what is missing or wrong.
inline Options parse_options(int argc, char** argv, const std::string& input_type) {
    Options options;
    options.input_type = input_type;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name.rfind("--", 0) != 0) continue;  // the command's own, before ours
        const char* value = i + 1 < argc ? argv[++i] : nullptr;
        if (value == nullptr) throw std::invalid_argument("a value is missing after " + name);
        if (name == "--bundle") options.bundle = value;
        else if (name == "--listen") options.listen = value;
        else if (name == "--model") options.model = value;
        else if (name == "--version") options.version = value;
        else if (name == "--orphan-grace-s") options.orphan_grace = std::chrono::duration<double>(std::min(std::strtod(value, nullptr), 1e6));
    }
    const char* token = std::getenv("CLIPPER_CONTAINER_TOKEN");
    options.token = token == nullptr ? "" : token;
    ::unsetenv("CLIPPER_CONTAINER_TOKEN");  // the model, and what it starts, need not know it
    if (options.token.size() != 64) throw std::invalid_argument("CLIPPER_CONTAINER_TOKEN must hold 64 hexadecimal digits");
    if (options.bundle.empty() || options.listen.empty() || options.model.empty() || options.version.empty())
        throw std::invalid_argument("--bundle DIR --listen ADDRESS --model NAME --version V are required");
    return options;
}

// Ends `serve` at the next opportunity. Safe in a signal handler.
inline void stop(int) { stop_requested = 1; }

// Runs a container to its end; returns the exit code. `input_type` is what one input is: bytes, integers, floats, doubles
// or strings. Takes over SIGTERM and SIGINT.
inline int serve(int argc, char** argv, const std::string& input_type, const Loader& load) {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    ::sigprocmask(SIG_BLOCK, &ending, nullptr);
    struct sigaction action = {};
    action.sa_handler = stop;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    Options options;
    try {
        options = parse_options(argc, argv, input_type);
    } catch (const std::exception& error) {
        log(error.what());
        return kUsage;
    }
    Model model;
    try {
        model = load(options.bundle);
    } catch (const std::exception& error) {
        log(std::string("Loading the model failed: ") + error.what());
        return kCannotLoad;
    }
    try {
        const Listener listener(options.listen);
        log("Ready: " + options.model + " version " + options.version + " on " + options.listen);
        Container(options, std::move(model), listener).run();
    } catch (const std::exception& error) {
        log("Cannot listen on " + options.listen + ": " + error.what());
        return kCannotListen;
    }
    return kAsked;
}

}  // namespace clipper
