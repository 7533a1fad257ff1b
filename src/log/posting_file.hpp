#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "log/run_index.hpp"

namespace eventstore::log {

// What a posting file belongs to.
struct RunIdentity {
  Uuid run_id;             // a digest of the ids of the segments that its run lies in
  std::uint32_t seed = 0;  // of its checksums
  GlobalPosition first_position;
  std::uint64_t secret = 0;  // of the store: seeds the hashes
};

// What goes into a posting file. Borrowed; keys and ids in any order.
struct PostingFileContents {
  struct KeyPostings {
    Key key;
    StreamVersion first_version;  // of streams only, as in KeyEntry
    StreamVersion last_version;
    std::span<const Posting> postings;  // ascending, at least one
  };
  struct IdPosting {
    std::uint64_t hash;
    Posting posting;
  };
  RunIdentity identity;
  std::span<const std::uint32_t> offsets;  // by posting, in units of 8 bytes; 0: a hole
  std::vector<KeyPostings> keys;
  std::vector<IdPosting> ids;
};

struct PostingSections;

// The bytes of a posting file. Layout: docs/formats/posting-file.md.
std::vector<std::byte> encode_posting_file(PostingFileContents contents);

// The index of a run, read from its posting file. Nothing is copied at opening; every
// cell, block and list is checked when it is used.
//
// Ownership: keeps `file` alive.
// Threads:   immutable.
class PostingFile final : public RunIndex {
 public:
  // `path` is for messages. Fails with UnsupportedFormat for a newer version, with Corruption where
  // the header fails its checks or belongs to other segments, or the sections do not fit the file.
  static Result<std::unique_ptr<PostingFile>> open(std::shared_ptr<const MappedFile> file,
                                                   const RunIdentity& identity, std::string path);
  ~PostingFile() override;

  Result<std::optional<KeyEntry>> find(const Key& key) const override;
  void prefetch(std::uint64_t hash) const override;
  Result<std::size_t> fetch(const KeyEntry& entry, Posting from, Direction direction,
                            std::span<Posting> out) const override;
  bool is_dense(const KeyEntry& entry) const override;
  Result<std::size_t> retain(const KeyEntry& entry, std::span<Posting> candidates) const override;
  Result<std::vector<Posting>> find_id(std::uint64_t id_hash) const override;
  Result<void> offsets_of(std::span<const Posting> postings,
                          std::span<std::uint64_t> offsets) const override;
  Result<void> list_keys(KeyKind kind, std::string_view prefix, std::string_view after,
                         const KeyVisitor& visit) const override;
  std::uint64_t events() const override;
  bool has_bounds() const override;

  // How many positions the run has, holes included.
  std::uint64_t postings() const;

  std::uint64_t file_bytes() const { return file_->bytes().size(); }
  const std::string& path() const { return path_; }
  const PostingSections& sections() const;

  // Checks every byte, and that what the sections say agrees.
  Result<void> verify() const;

 private:
  struct Layout;
  PostingFile(std::shared_ptr<const MappedFile> file, const Layout& layout, std::string path);

  std::shared_ptr<const MappedFile> file_;
  std::unique_ptr<const Layout> layout_;
  std::string path_;
};

}  // namespace eventstore::log
