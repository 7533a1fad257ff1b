#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/result.hpp"

namespace eventstore {

// How values of a type are kept as documents: as text in UTF-8, JSON by custom. Specialise it for
// your types with
//
//   static std::string encode(const T& value);
//   static Result<T> decode(std::string_view text);
//
// json_document.hpp does that for types that nlohmann::json converts.
template <typename T>
struct DocumentCodec {
  static_assert(sizeof(T) == 0,
                "there is no DocumentCodec for this type: document.hpp says how to write one, and "
                "json_document.hpp has one for what nlohmann::json converts");
};

// Text is kept as it is.
template <>
struct DocumentCodec<std::string> {
  static std::string encode(const std::string& value) { return value; }
  static Result<std::string> decode(std::string_view text) { return std::string(text); }
};

// The library's own: users write a DocumentCodec alone. A document as a projection holds it in
// memory: as it is stored, and as a value once it is used.
//
// Threads: one at a time.
class Document {
 public:
  // Absent: there is none.
  explicit Document(std::optional<std::string> stored) : stored_(std::move(stored)) {}

  bool is_there() const { return value_ != nullptr || (stored_.has_value() && !is_erased_); }
  bool is_changed() const { return is_changed_; }

  // Null: there is none. Fails as DocumentCodec<T>::decode() does.
  template <typename T>
  Result<T*> value() {
    if (!is_there()) return nullptr;
    if (value_ == nullptr || value_->type != &kTypeOf<T>) {
      auto decoded = DocumentCodec<T>::decode(value_ == nullptr ? *stored_ : value_->encode());
      if (!decoded) return std::unexpected(std::move(decoded).error());
      value_ = std::make_unique<Typed<T>>(*std::move(decoded));
    }
    return &static_cast<Typed<T>*>(value_.get())->value;
  }

  template <typename T>
  T& put(T value) {
    auto typed = std::make_unique<Typed<T>>(std::move(value));
    auto& kept = typed->value;
    value_ = std::move(typed);
    is_changed_ = true;
    is_erased_ = false;
    return kept;
  }

  void mark_changed() { is_changed_ = true; }
  void erase() {
    value_.reset();
    is_erased_ = true;
    is_changed_ = true;
  }

  // What is to be stored. Absent: nothing, it is erased.
  std::optional<std::string> encode() const {
    if (!is_there()) return std::nullopt;
    return value_ == nullptr ? stored_ : value_->encode();
  }
  // It is stored so by now.
  void mark_stored(std::optional<std::string> stored) {
    stored_ = std::move(stored);
    is_changed_ = false;
    is_erased_ = false;
  }
  // Back to what is stored.
  void revert() {
    value_.reset();
    is_changed_ = false;
    is_erased_ = false;
  }
  bool is_stored() const { return stored_.has_value(); }
  std::size_t stored_bytes() const { return stored_ ? stored_->size() : 0; }

 private:
  template <typename T>
  static constexpr char kTypeOf = 0;  // its address tells the type

  struct Value {
    explicit Value(const void* type_of_value) : type(type_of_value) {}
    virtual ~Value() = default;
    virtual std::string encode() const = 0;
    const void* type;
  };
  template <typename T>
  struct Typed final : Value {
    explicit Typed(T initial) : Value(&kTypeOf<T>), value(std::move(initial)) {}
    std::string encode() const override { return DocumentCodec<T>::encode(value); }
    T value;
  };

  std::optional<std::string> stored_;
  std::unique_ptr<Value> value_;
  bool is_changed_ = false;
  bool is_erased_ = false;
};

}  // namespace eventstore
