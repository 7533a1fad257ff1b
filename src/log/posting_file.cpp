#include "log/posting_file.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.hpp"
#include "log/damage.hpp"
#include "log/posting_bitmap.hpp"
#include "log/posting_list.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {
namespace {

std::unexpected<Error> corrupt(const std::string& path, const PostingDamage& damage) {
  DamageDetails where;
  where.file = path;
  where.offset = damage.offset;
  return std::unexpected(corruption(std::move(where), damage.what));
}

Checked<std::size_t> fetch_inline(const KeyBlocks& keys, const KeyEntry& entry, Posting from,
                                  Direction direction, std::span<Posting> out) {
  const std::uint64_t block = entry.list >> 32;
  const std::uint64_t list_at = entry.list & 0xffffffff;
  if (block >= keys.block_count()) return keys.section().damage(0, "no block with this list");
  const auto bytes = keys.block(block);
  if (!bytes) return std::unexpected(bytes.error());
  const std::size_t size = bytes->bytes.size();
  if (list_at > size || entry.list_bytes > size - list_at) {
    return bytes->damage(0, "list runs past the end of its block");
  }
  InlinePostings buffer;
  const auto list = bytes->bytes.subspan(static_cast<std::size_t>(list_at), entry.list_bytes);
  const auto postings = decode_inline_list(list, entry.postings, buffer);
  if (!postings) return bytes->damage(list_at, "inline list is malformed");
  return copy_postings(*postings, from, direction, out);
}

Checked<PostingBitmap> open_bitmap(const PostingSections& sections, const KeyEntry& entry) {
  return PostingBitmap::open(sections.lists, sections.identity.seed, entry.list,
                             sections.header.postings);
}

Checked<std::size_t> fetch_bitmap(const PostingSections& sections, const KeyEntry& entry,
                                  Posting from, Direction direction, std::span<Posting> out) {
  const auto bitmap = open_bitmap(sections, entry);
  if (!bitmap) return std::unexpected(bitmap.error());
  return bitmap->fetch(from, direction, out);
}

Checked<std::size_t> fetch_chunks(const PostingSections& sections, const KeyEntry& entry,
                                  Posting from, Direction direction, std::span<Posting> out) {
  const auto list =
      PostingList::open(sections.lists, sections.identity.seed, entry.list, entry.postings);
  if (!list) return std::unexpected(list.error());
  return list->fetch(from, direction, out);
}

Checked<std::optional<KeyEntry>> find_entry(const PostingSections& sections, const Key& key) {
  const auto may_hold = sections.filter.may_hold(key.hash);
  if (!may_hold) return std::unexpected(may_hold.error());
  if (!*may_hold) return std::nullopt;
  SlotTable::Probe probe(sections.key_table, key.hash);
  while (true) {
    const auto ordinal = probe.next();
    if (!ordinal) return std::unexpected(ordinal.error());
    if (!*ordinal) return std::nullopt;
    const auto entry = sections.keys.entry_if(**ordinal, key.kind, key.text);
    if (!entry || *entry) return entry;
  }
}

Checked<std::vector<Posting>> find_postings(const PostingSections& sections,
                                            std::uint64_t id_hash) {
  std::vector<Posting> found;
  const auto may_hold = sections.filter.may_hold(id_hash);
  if (!may_hold) return std::unexpected(may_hold.error());
  if (!*may_hold) return found;
  SlotTable::Probe probe(sections.id_table, id_hash);
  while (true) {
    const auto posting = probe.next();
    if (!posting) return std::unexpected(posting.error());
    if (!*posting) return found;
    if (**posting >= sections.header.postings) {
      return sections.offsets.cells().damage(0, "no posting with the number of an id");
    }
    found.push_back(**posting);
  }
}

Checked<void> walk_keys(const KeyBlocks& blocks, KeyKind kind, std::string_view prefix,
                        std::string_view after, const RunIndex::KeyVisitor& visit) {
  const auto block = blocks.block_with(kind, std::max(prefix, after));
  if (!block) return std::unexpected(block.error());
  KeyWalk walk(blocks, *block);
  while (true) {
    const auto more = walk.next();
    if (!more) return std::unexpected(more.error());
    if (!*more || walk.kind() > kind) return {};
    const std::string_view text = walk.text();
    if (walk.kind() < kind || text <= after || text < prefix) continue;
    if (!text.starts_with(prefix) || !visit(text, walk.entry())) return {};
  }
}

}  // namespace

struct PostingFile::Layout {
  PostingSections sections;
};

Result<std::unique_ptr<PostingFile>> PostingFile::open(std::shared_ptr<const MappedFile> file,
                                                       const RunIdentity& identity,
                                                       std::string path) {
  const auto header = decode_posting_header(file->bytes(), identity);
  if (!header) return corrupt(path, header.error());
  if (header->version > kPostingFormatVersion) {
    return std::unexpected(Error{.code = ErrorCode::UnsupportedFormat,
                                 .message = path + " has format version " +
                                            std::to_string(header->version) + ", newer than the " +
                                            std::to_string(kPostingFormatVersion) + " known here"});
  }
  const Layout layout{PostingSections(file->bytes(), *header, identity)};
  return std::unique_ptr<PostingFile>(new PostingFile(std::move(file), layout, std::move(path)));
}

PostingFile::PostingFile(std::shared_ptr<const MappedFile> file, const Layout& layout,
                         std::string path)
    : file_(std::move(file)),
      layout_(std::make_unique<const Layout>(layout)),
      path_(std::move(path)) {}

PostingFile::~PostingFile() = default;

Result<std::optional<KeyEntry>> PostingFile::find(const Key& key) const {
  const auto entry = find_entry(layout_->sections, key);
  if (!entry) return corrupt(path_, entry.error());
  return *entry;
}

void PostingFile::prefetch(std::uint64_t hash) const {
  layout_->sections.filter.prefetch(hash);
}

Result<std::size_t> PostingFile::fetch(const KeyEntry& entry, Posting from, Direction direction,
                                       std::span<Posting> out) const {
  if (out.empty()) return 0;
  const auto& sections = layout_->sections;
  const auto count = entry.list_bytes != 0
                         ? fetch_inline(sections.keys, entry, from, direction, out)
                     : is_dense(entry) ? fetch_bitmap(sections, entry, from, direction, out)
                                       : fetch_chunks(sections, entry, from, direction, out);
  if (!count) return corrupt(path_, count.error());
  if (*count > 0 && std::max(out.front(), out[*count - 1]) >= sections.header.postings) {
    return corrupt(path_,
                   {.offset = sections.lists.file_offset, .what = "list beyond the last posting"});
  }
  return *count;
}

bool PostingFile::is_dense(const KeyEntry& entry) const {
  return entry.list_bytes == 0 && log::is_dense(entry.postings, layout_->sections.header.postings);
}

Result<std::size_t> PostingFile::retain(const KeyEntry& entry,
                                        std::span<Posting> candidates) const {
  CHECK(is_dense(entry));
  const auto bitmap = open_bitmap(layout_->sections, entry);
  if (!bitmap) return corrupt(path_, bitmap.error());
  const auto kept = bitmap->retain(candidates);
  if (!kept) return corrupt(path_, kept.error());
  return *kept;
}

Result<std::vector<Posting>> PostingFile::find_id(std::uint64_t id_hash) const {
  auto found = find_postings(layout_->sections, id_hash);
  if (!found) return corrupt(path_, found.error());
  return *std::move(found);
}

Result<void> PostingFile::offsets_of(std::span<const Posting> postings,
                                     std::span<std::uint64_t> offsets) const {
  const auto& sections = layout_->sections;
  for (const auto posting : postings) {
    if (posting < sections.header.postings) sections.offsets.prefetch(posting);
  }
  for (std::size_t i = 0; i < postings.size(); ++i) {
    offsets[i] = 0;
    if (postings[i] >= sections.header.postings) continue;
    const auto offset = sections.offsets.at(postings[i]);
    if (!offset) return corrupt(path_, offset.error());
    offsets[i] = std::uint64_t{*offset} * 8;
  }
  return {};
}

Result<void> PostingFile::list_keys(KeyKind kind, std::string_view prefix, std::string_view after,
                                    const KeyVisitor& visit) const {
  const auto walked = walk_keys(layout_->sections.keys, kind, prefix, after, visit);
  if (!walked) return corrupt(path_, walked.error());
  return {};
}

std::uint64_t PostingFile::events() const {
  return layout_->sections.header.events;
}

std::uint64_t PostingFile::postings() const {
  return layout_->sections.header.postings;
}

const PostingSections& PostingFile::sections() const {
  return layout_->sections;
}

bool PostingFile::has_bounds() const {
  return layout_->sections.header.bounds != 0;
}

Result<void> PostingFile::verify() const {
  const auto& identity = layout_->sections.identity;
  const auto header = decode_posting_header(file_->bytes(), identity);
  if (!header) return corrupt(path_, header.error());
  const auto verified = verify_posting_sections(layout_->sections, file_->bytes());
  if (!verified) return corrupt(path_, verified.error());
  return {};
}

}  // namespace eventstore::log
