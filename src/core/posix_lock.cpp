#include "core/posix_lock.hpp"

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/campaign_hooks.hpp"
#include "core/posix_file.hpp"
#include "core/thread_annotations.hpp"

namespace eventstore::internal {
namespace {

// flock() already sets two openings of one process against each other, but some network file
// systems make a record lock of it, which does not.
using FileId = std::pair<dev_t, ino_t>;

class LockTable {
 public:
  bool add(FileId file) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return held_.insert(file).second;
  }
  void drop(FileId file) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    held_.erase(file);
  }

  // Never destroyed: a store may be a static object and close after everything else.
  static LockTable& of_this_process() {
    static LockTable& table = *new LockTable;
    return table;
  }

 private:
  Mutex mutex_;
  std::set<FileId> held_ GUARDED_BY(mutex_);
};

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(Descriptor descriptor, FileId file)
      : descriptor_(std::move(descriptor)), file_(file), owner_(getpid()) {}
  ~PosixFileLock() override {
    // A child made by fork() has a copy of the descriptor: it must neither free our lock when it
    // ends, nor keep it when we give it back.
    if (getpid() == owner_) flock(descriptor_.number(), LOCK_UN);
    LockTable::of_this_process().drop(file_);
  }
  PosixFileLock(const PosixFileLock&) = delete;
  PosixFileLock& operator=(const PosixFileLock&) = delete;

  bool is_removed() const override {
    struct stat status{};
    return fstat(descriptor_.number(), &status) == 0 && status.st_nlink == 0;
  }

 private:
  Descriptor descriptor_;
  FileId file_;
  pid_t owner_;
};

int take_lock(int descriptor) {
  if (!is_planted(Plant::RecordLock)) return flock(descriptor, LOCK_EX | LOCK_NB);
  struct flock whole{};
  whole.l_type = F_WRLCK;
  return fcntl(descriptor, F_SETLK, &whole);
}

std::unexpected<Error> locked(const std::string& path, std::string_view by) {
  return std::unexpected(Error{.code = ErrorCode::StoreLocked,
                               .message = path + ": flock: locked by " + std::string(by)});
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_file(const std::string& path) {
  // For writing, because NFS asks for it.
  auto descriptor = open_descriptor(path, O_RDWR);
  if (!descriptor) return std::unexpected(std::move(descriptor).error());
  struct stat status{};
  if (fstat(descriptor->number(), &status) != 0) {
    return std::unexpected(system_error(path, "fstat", errno));
  }

  const FileId file{status.st_dev, status.st_ino};
  if (!LockTable::of_this_process().add(file)) return locked(path, "this process");
  int answer = 0;
  do {
    answer = take_lock(descriptor->number());
  } while (answer != 0 && errno == EINTR);
  if (answer != 0) {
    const int error_number = errno;
    LockTable::of_this_process().drop(file);
    if (error_number == EWOULDBLOCK) return locked(path, "another process");
    return std::unexpected(system_error(path, "flock", error_number));
  }
  return std::make_unique<PosixFileLock>(*std::move(descriptor), file);
}

}  // namespace eventstore::internal
