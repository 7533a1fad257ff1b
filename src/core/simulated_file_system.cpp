#include "core/simulated_file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/path_names.hpp"
#include "core/posix_file.hpp"

namespace eventstore {
namespace {

using internal::normal_path;
using internal::parent_path;
using internal::system_error;
using Call = SimulatedFileSystem::Call;

constexpr std::array<std::string_view, SimulatedFileSystem::kCallKinds> kCallNames = {
    "open",  "open", "mkdir", "rename",  "unlink",    "stat",  "readdir", "fsync",
    "flock", "mmap", "pread", "pwritev", "fdatasync", "fstat", "mmap"};

std::string_view name_of(Call call) {
  return kCallNames[static_cast<std::size_t>(call)];
}

Error crash_error(std::string_view path, Call call) {
  std::string message(path);
  message.append(": ").append(name_of(call)).append(": simulated crash");
  return Error{.code = ErrorCode::Io, .message = std::move(message)};
}

std::unexpected<Error> refused(std::string_view path, Call call, int error_number) {
  return std::unexpected(system_error(path, name_of(call), error_number));
}

}  // namespace

bool SimulatedFileSystem::is_mutating(Call call) {
  switch (call) {
    case Call::Create:
    case Call::CreateDirectory:
    case Call::Rename:
    case Call::Remove:
    case Call::SyncDirectory:
    case Call::Write:
    case Call::Sync:
      return true;
    default:
      return false;
  }
}

class SimulatedFile final : public File {
 public:
  SimulatedFile(SimulatedFileSystem& files, std::shared_ptr<internal::SimulatedInode> inode,
                std::string path, FileSystem::Access access)
      : files_(files),
        process_(files.process_),
        inode_(std::move(inode)),
        path_(std::move(path)),
        access_(access) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
    if (auto error = begin(Call::Read)) return std::unexpected(*std::move(error));
    const auto bytes = inode_->bytes();
    if (offset >= bytes.size()) return std::size_t{0};
    const auto found = bytes.subspan(offset, std::min(out.size(), bytes.size() - offset));
    if (!found.empty()) std::memcpy(out.data(), found.data(), found.size());
    return found.size();
  }

  Result<void> write(std::uint64_t offset,
                     std::span<const std::span<const std::byte>> parts) override {
    auto error = begin(Call::Write);
    if (!error && access_ == FileSystem::Access::Read) return refused(path_, Call::Write, EBADF);
    std::vector<std::byte> gathered;
    if (parts.size() != 1) {
      for (const auto part : parts) gathered.insert(gathered.end(), part.begin(), part.end());
    }
    const std::span<const std::byte> bytes = parts.size() == 1 ? parts.front() : gathered;
    if (error) {
      // Only what was alive and able when the call came has begun to write.
      if (began_ && !bytes.empty()) {
        inode_->write(offset, bytes.first(files_.random_.below(bytes.size())));
      }
      return std::unexpected(*std::move(error));
    }
    files_.trace(offset);
    files_.trace(crc32c(bytes));
    inode_->write(offset, bytes);
    return {};
  }

  Result<void> sync() override {
    auto error = begin(Call::Sync);
    if (!error) {
      inode_->sync();
      return {};
    }
    if (began_ && !files_.crashed_) inode_->fail_sync(files_.random_);
    return std::unexpected(*std::move(error));
  }

  Result<std::uint64_t> size() override {
    if (auto error = begin(Call::Size)) return std::unexpected(*std::move(error));
    return inode_->size();
  }

  Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size) override {
    if (auto error = begin(Call::Map)) return std::unexpected(*std::move(error));
    if (size > inode_->size()) {
      return std::unexpected(internal::map_beyond_end(path_, size, inode_->size()));
    }
    return inode_->map(size);
  }

 private:
  std::optional<Error> begin(Call call) {
    began_ = !files_.crashed_ && process_ == files_.process_;
    return files_.begin_on(process_, call, path_);
  }

  SimulatedFileSystem& files_;
  std::uint64_t process_;
  std::shared_ptr<internal::SimulatedInode> inode_;
  std::string path_;  // for messages and the trace
  FileSystem::Access access_;
  bool began_ = false;  // the last call found the machine running
  SimulatedFileSystem::Handle handle_{files_};
};

class SimulatedLock final : public FileLock {
 public:
  SimulatedLock(SimulatedFileSystem& files, std::string path,
                std::shared_ptr<internal::SimulatedInode> inode)
      : files_(files), process_(files.process_), path_(std::move(path)), inode_(std::move(inode)) {
    inode_->locked = true;
  }
  ~SimulatedLock() override {
    if (process_ == files_.process_) inode_->locked = false;
  }
  SimulatedLock(const SimulatedLock&) = delete;
  SimulatedLock& operator=(const SimulatedLock&) = delete;

  bool is_removed() const override { return !files_.is_at(path_, inode_); }

 private:
  SimulatedFileSystem& files_;
  std::uint64_t process_;
  const std::string path_;
  std::shared_ptr<internal::SimulatedInode> inode_;
  SimulatedFileSystem::Handle handle_{files_};
};

class SimulatedPage final : public SharedPage {
 public:
  SimulatedPage(SimulatedFileSystem& files, std::shared_ptr<internal::SimulatedInode> inode)
      : files_(files),
        process_(files.process_),
        inode_(std::move(inode)),
        page_(inode_->share_page()) {
    words_ = reinterpret_cast<std::uint64_t*>(page_.get());
  }

  void wait(std::uint32_t /*seen*/, std::chrono::microseconds /*timeout*/) override {}

  // Between two calls stores go unseen; here, at the latest, the kernel may take notice of them.
  void wake_all() override {
    if (process_ == files_.process_ && !files_.crashed_) inode_->absorb_page_stores();
  }

 private:
  SimulatedFileSystem& files_;
  std::uint64_t process_;
  std::shared_ptr<internal::SimulatedInode> inode_;
  std::shared_ptr<std::byte> page_;
  SimulatedFileSystem::Handle handle_{files_};
};

SimulatedFileSystem::SimulatedFileSystem(std::uint64_t seed, SimulatedDisk disk)
    : random_(seed), disk_(std::move(disk)) {
  random_.fill(boot_id_.bytes);
}

void SimulatedFileSystem::restart(Crash crash) {
  if (!crashed_) disk_.absorb_page_stores();
  disk_.end_process();
  if (crash == Crash::PowerLoss) {
    disk_.lose_power(random_);
    random_.fill(boot_id_.bytes);
  }
  ++process_;
  calls_until_crash_ = 0;
  crashed_ = false;
  faults_.clear();
  trace(crash == Crash::PowerLoss ? 1 : 0);
}

std::optional<Error> SimulatedFileSystem::begin_on(std::uint64_t process, Call call,
                                                   std::string_view path) {
  if (process != process_) return crash_error(path, call);
  return begin(call, path);
}

std::optional<Error> SimulatedFileSystem::begin(Call call, std::string_view path) {
  if (crashed_) return crash_error(path, call);
  if (hook_ && !in_hook_) {
    in_hook_ = true;
    hook_(call);
    in_hook_ = false;
  }
  disk_.absorb_page_stores();
  ++calls_[static_cast<std::size_t>(call)];
  trace(static_cast<std::uint64_t>(call));
  trace(crc32c(as_bytes(path)));
  if (is_mutating(call)) {
    ++mutating_calls_;
    if (crashes_now()) return crash_error(path, call);
  }
  const auto error_number = fault_of(call);
  if (!error_number) return std::nullopt;
  ++faults_hit_;
  trace(static_cast<std::uint64_t>(*error_number));
  return system_error(path, name_of(call), *error_number);
}

bool SimulatedFileSystem::crashes_now() {
  if (calls_until_crash_ == 0) return false;
  --calls_until_crash_;
  crashed_ = calls_until_crash_ == 0;
  return crashed_;
}

std::optional<int> SimulatedFileSystem::fault_of(Call call) {
  if (faults_suspended_) return std::nullopt;
  std::optional<int> error_number;
  for (Fault& fault : faults_) {
    if (fault.call.value_or(call) != call) continue;
    if (fault.nth > 1) {
      --fault.nth;
      continue;
    }
    if (fault.nth == 0) continue;  // spent
    if (!fault.forever) fault.nth = 0;
    if (!error_number) error_number = fault.error_number;
  }
  return error_number;
}

Result<std::unique_ptr<File>> SimulatedFileSystem::open(const std::string& path, Access access) {
  if (auto error = begin(Call::Open, path)) return std::unexpected(*std::move(error));
  auto inode = disk_.find(normal_path(path));
  if (inode == nullptr) return refused(path, Call::Open, ENOENT);
  return std::make_unique<SimulatedFile>(*this, std::move(inode), path, access);
}

Result<std::unique_ptr<File>> SimulatedFileSystem::create(const std::string& path) {
  if (auto error = begin(Call::Create, path)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(path);
  if (!disk_.seen_.is_directory(parent_path(normal))) return refused(path, Call::Create, ENOENT);
  if (disk_.seen_.is_directory(normal) || disk_.exists(normal)) {
    return refused(path, Call::Create, EEXIST);
  }
  return std::make_unique<SimulatedFile>(*this, disk_.create(normal), path, Access::ReadWrite);
}

Result<void> SimulatedFileSystem::create_directory(const std::string& path) {
  if (auto error = begin(Call::CreateDirectory, path)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(path);
  if (disk_.seen_.is_directory(normal)) return {};
  if (disk_.exists(normal)) return refused(path, Call::CreateDirectory, EEXIST);
  if (!disk_.seen_.is_directory(parent_path(normal))) {
    return refused(path, Call::CreateDirectory, ENOENT);
  }
  disk_.create_directory(normal);
  return {};
}

Result<void> SimulatedFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string both = from + " to " + to;
  if (auto error = begin(Call::Rename, both)) return std::unexpected(*std::move(error));
  const std::string source = normal_path(from);
  const std::string target = normal_path(to);
  if (!disk_.exists(source)) return refused(both, Call::Rename, ENOENT);
  // As if each directory were on a device of its own: that both change at once is promised nowhere.
  if (parent_path(source) != parent_path(target)) return refused(both, Call::Rename, EXDEV);
  if (disk_.seen_.is_directory(target)) return refused(both, Call::Rename, EISDIR);
  if (source != target) disk_.rename(source, target);
  return {};
}

Result<void> SimulatedFileSystem::remove(const std::string& path) {
  if (auto error = begin(Call::Remove, path)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(path);
  if (!disk_.exists(normal)) return refused(path, Call::Remove, ENOENT);
  disk_.unlink(normal);
  return {};
}

Result<bool> SimulatedFileSystem::exists(const std::string& path) {
  if (auto error = begin(Call::Exists, path)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(path);
  return disk_.seen_.is_directory(normal) || disk_.exists(normal);
}

Result<std::vector<std::string>> SimulatedFileSystem::list(const std::string& directory) {
  if (auto error = begin(Call::List, directory)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(directory);
  if (!disk_.seen_.is_directory(normal)) return refused(directory, Call::List, ENOENT);
  return internal::names_in(normal, disk_.seen_.files, disk_.seen_.directories);
}

Result<void> SimulatedFileSystem::sync_directory(const std::string& directory) {
  if (auto error = begin(Call::SyncDirectory, directory)) return std::unexpected(*std::move(error));
  const std::string normal = normal_path(directory);
  if (!disk_.seen_.is_directory(normal)) return refused(directory, Call::Open, ENOENT);
  disk_.sync_directory(normal);
  return {};
}

Result<std::unique_ptr<FileLock>> SimulatedFileSystem::lock(const std::string& path) {
  if (auto error = begin(Call::Lock, path)) return std::unexpected(*std::move(error));
  auto inode = disk_.find(normal_path(path));
  if (inode == nullptr) return refused(path, Call::Open, ENOENT);
  if (inode->locked) {
    return std::unexpected(
        Error{.code = ErrorCode::StoreLocked, .message = path + ": flock: locked by this process"});
  }
  return std::make_unique<SimulatedLock>(*this, normal_path(path), std::move(inode));
}

Result<std::unique_ptr<SharedPage>> SimulatedFileSystem::share_page(const std::string& path,
                                                                    Access /*access*/) {
  if (auto error = begin(Call::SharePage, path)) return std::unexpected(*std::move(error));
  auto inode = disk_.find(normal_path(path));
  if (inode == nullptr) return refused(path, Call::Open, ENOENT);
  if (inode->size() < SharedPage::kBytes) {
    return std::unexpected(internal::map_beyond_end(path, SharedPage::kBytes, inode->size()));
  }
  return std::make_unique<SimulatedPage>(*this, std::move(inode));
}

}  // namespace eventstore
