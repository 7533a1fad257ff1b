#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "eventstore/open.hpp"

namespace eventstore {

// A sink of notices that gets them one at a time, whatever threads they are from. Empty for an
// empty one.
inline std::function<void(const Notice&)> one_at_a_time(std::function<void(const Notice&)> sink) {
  if (!sink) return {};
  return [sink = std::move(sink), mutex = std::make_shared<std::mutex>()](const Notice& notice) {
    const std::lock_guard lock(*mutex);
    sink(notice);
  };
}

}  // namespace eventstore
