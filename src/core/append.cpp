#include "eventstore/append.hpp"

#include <utility>

namespace eventstore {

bool ExpectedVersion::holds_for(StreamVersion actual) const {
  switch (kind_) {
    case Kind::Any:
      return true;
    case Kind::NoStream:
      return actual == StreamVersion{0};
    case Kind::StreamExists:
      return actual > StreamVersion{0};
    case Kind::Exactly:
      return actual == version_;
  }
  std::unreachable();
}

std::string ExpectedVersion::to_string() const {
  switch (kind_) {
    case Kind::Any:
      return "any";
    case Kind::NoStream:
      return "no_stream";
    case Kind::StreamExists:
      return "stream_exists";
    case Kind::Exactly:
      return std::to_string(version_.value);
  }
  std::unreachable();
}

}  // namespace eventstore
