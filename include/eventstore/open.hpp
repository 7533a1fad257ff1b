#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "eventstore/event_store.hpp"

namespace eventstore {

// Something an operator should know that is no failure of a call: a torn tail that was cut off, a
// wall clock that leapt, a posting file that was rebuilt.
struct Notice {
  enum class Level : std::uint8_t { Info, Warning, Error };
  Level level = Level::Info;
  std::string message;
};

struct OpenOptions {
  bool read_only = false;  // any number of processes may; takes no lock
  // Make the store where there is none; if not, or if read_only, that is NotFound.
  bool create = true;

  // A segment rolls at this size; one larger append gets a larger segment. 64 KiB to 1 GiB, a
  // multiple of 4 KiB. May change from one opening to the next.
  std::uint64_t segment_bytes_max = std::uint64_t{64} << 20;
  // What a store that is open for writing takes of the heap is bounded by the next two, however
  // many events and streams it has: by default to less than 256 MiB. Mapped files are not of the
  // heap. (One that is open read-only has in memory what no posting file indexes: mostly little,
  // but all of it where these are lost.)
  //
  // The index of the events appended last is in memory until it is written to a file: about so many
  // bytes at most. Less makes more files to begin with, and more work merging them. At least 1 MiB.
  std::uint64_t index_bytes_max = std::uint64_t{160} << 20;
  // Appends that wait beyond either bound answer Overloaded.
  std::uint64_t queue_bytes_max = std::uint64_t{80} << 20;
  std::uint32_t queue_requests_max = 16384;

  // A store opened for writing is checked in the background, from end to end once in each period,
  // by reading at most so many bytes a second, or more where a pass would not be done in its
  // period: one MiB a second is 600 GB a week. Damage is a notice, and in health(). 0: never.
  std::uint64_t scrub_bytes_per_second = std::uint64_t{1} << 20;
  std::chrono::seconds scrub_period = std::chrono::weeks{1};  // at least 1 second

  // Called from any thread of the store, never concurrently; must not call the store.
  std::function<void(const Notice&)> on_notice = {};
};

// Opens the store at `url`: `file:PATH` (or a bare path), `memory:` (a new, empty store that lives
// in this process, for as long as the returned object), or what a registered engine takes.
//
// Fails with InvalidArgument (URL or options), NotFound, NotAStore, StoreLocked, UnsupportedFormat,
// Corruption, NoSpace, OutOfResources, Io, or ReadOnly where its lock is taken away meanwhile. A
// store on a server also with Unavailable or DeadlineExceeded where it does not answer, Unsupported
// where it cannot hold a store, or may lose what it acknowledges, and ReadOnly where it takes no
// writes from this role.
Result<std::unique_ptr<EventStore>> open(std::string_view url, const OpenOptions& options = {});

// Opens a store of one engine. Called from any thread, with options that passed open()'s checks.
using OpenFunction = std::function<Result<std::unique_ptr<EventStore>>(std::string_view url,
                                                                       const OpenOptions& options)>;

// Makes open() hand URLs that begin with `scheme` and a colon to `function`, so that only programs
// that want an engine link what it needs. Case does not matter. The same scheme again replaces
// its function; an empty one takes it out. Safe from any thread.
void register_engine(std::string_view scheme, OpenFunction function);

}  // namespace eventstore
