#pragma once

#include <cstddef>
#include <cstdint>

namespace eventstore {

// What each byte of a page reads as whose access failed.
inline constexpr std::byte kLostByte{0xbd};

// While one lives in a thread, an access of that thread to a MappedFile or SharedPage of the
// operating system that fails, because somebody cut the file short or its device fails, does not
// end the process (SIGBUS). The page reads as bytes that pass no check from then on, to whoever has
// that map, and failed() tells.
//
// Every other such access ends the process as ever, or is the business of the handler that the
// program has for it: installed before the first file was mapped, it is called for these alone.
//
// Threads: belongs to the thread that made it; they nest.
class MappedAccess {
 public:
  MappedAccess();
  ~MappedAccess();
  MappedAccess(const MappedAccess&) = delete;
  MappedAccess& operator=(const MappedAccess&) = delete;

  // Whether an access of this thread failed since this object was made.
  bool failed() const;

 private:
  std::uint64_t failures_before_;
};

}  // namespace eventstore
