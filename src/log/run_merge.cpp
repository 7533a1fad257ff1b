#include "log/run_merge.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "log/folder.hpp"
#include "log/hash_spill.hpp"
#include "log/key_merge.hpp"
#include "log/log_reader.hpp"
#include "log/posting_list.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kListsBytesMax = std::size_t{1} << 20;  // that wait to be written

Error cut_short(const std::string& path) {
  return {.code = ErrorCode::Io, .message = path + ": a file being written was cut short"};
}

// One merge. What does not fit into memory goes to files that are removed with the object.
class RunMerge {
 public:
  RunMerge(FileSystem& files, const LogLayout& layout,
           std::span<const std::shared_ptr<const Run>> parts, const RunIdentity& identity,
           std::string path)
      : files_(files), layout_(layout), parts_(parts), identity_(identity), path_(std::move(path)) {
    for (const auto& part : parts_) sources_.push_back(&posting_file_of(*part));
  }
  ~RunMerge() {
    for (const auto& path : {path_, lists_path(), hashes_path()}) {
      static_cast<void>(remove_if_there(files_, path));  // the next one who opens does it
    }
  }
  RunMerge(const RunMerge&) = delete;
  RunMerge& operator=(const RunMerge&) = delete;

  // Writes the file, and syncs it.
  Result<void> write() {
    for (const auto step : {&RunMerge::create_files, &RunMerge::count, &RunMerge::write_offsets,
                            &RunMerge::write_keys, &RunMerge::spill_ids, &RunMerge::write_tables,
                            &RunMerge::write_lists, &RunMerge::write_header}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    return file_->sync();
  }

 private:
  std::string lists_path() const { return path_ + ".lists.tmp"; }
  std::string hashes_path() const { return path_ + ".hashes.tmp"; }

  Result<void> create_files() {
    for (const auto& path : {path_, lists_path(), hashes_path()}) {
      if (auto removed = remove_if_there(files_, path); !removed) return removed;
    }
    auto file = files_.create(path_);
    if (!file) return std::unexpected(std::move(file).error());
    file_ = *std::move(file);
    auto lists = files_.create(lists_path());
    if (!lists) return std::unexpected(std::move(lists).error());
    lists_file_ = *std::move(lists);
    auto hashes = HashSpill::create(files_, hashes_path());
    if (!hashes) return std::unexpected(std::move(hashes).error());
    hashes_ = std::make_unique<HashSpill>(*std::move(hashes));
    return {};
  }

  // The sizes of all sections but the last two follow.
  Result<void> count() {
    KeyMerge keys(sources_);
    for (;;) {
      const auto more = keys.next();
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      ++header_.keys;
      if (keys.kind() == KeyKind::Stream) ++header_.streams;
      if (keys.kind() == KeyKind::Bounds) ++header_.bounds;
    }
    for (const auto* const source : sources_) {
      const auto& part = source->sections().header;
      header_.postings += part.postings;
      header_.events += part.events;
      header_.ids += part.ids;
    }
    header_.place(SectionName::Keys).offset = align_section(header_.place_cells());
    return {};
  }

  Result<void> write_offsets() {
    FileAppender out(*file_, header_.place(SectionName::Offsets).offset);
    std::array<std::byte, kCellBytes> cell{};
    std::size_t in_cell = 0;
    const auto end_cell = [&] {
      seal_cells(cell, identity_.seed);
      auto appended = out.append(cell);
      cell = {};
      in_cell = 0;
      return appended;
    };
    for (const auto* const source : sources_) {
      const auto& sections = source->sections();
      for (std::uint64_t posting = 0; posting < sections.header.postings; ++posting) {
        const auto offset = source->offset_of(static_cast<Posting>(posting));
        if (!offset) return std::unexpected(offset.error());
        store_number(cell, in_cell++, static_cast<std::uint32_t>(*offset / 8));
        if (in_cell < kNumbersPerCell) continue;
        if (auto ended = end_cell(); !ended) return ended;
      }
    }
    if (in_cell != 0) {
      if (auto ended = end_cell(); !ended) return ended;
    }
    return out.flush();
  }

  Result<void> write_keys() {
    std::vector<std::byte> directory(header_.place(SectionName::Directory).bytes);
    KeyBlocksWriter blocks(directory, identity_.seed);
    auto& place = header_.place(SectionName::Keys);
    FileAppender out(*file_, place.offset);
    FileAppender lists_out(*lists_file_);
    KeyMerge keys(sources_);
    for (std::uint32_t ordinal = 0;; ++ordinal) {
      const auto more = keys.next();
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      const auto hash = hash_key(keys.kind(), keys.text(), identity_.secret);
      if (auto added = hashes_->add(hash, ordinal); !added) return added;
      if (auto added = add_key(keys, blocks); !added) return added;
      if (auto appended = out.append(blocks.take_blocks()); !appended) return appended;
      if (lists_.size() < kListsBytesMax) continue;
      if (auto appended = append_lists(lists_out, lists_.size() / kListAlignment * kListAlignment);
          !appended) {
        return appended;
      }
    }
    if (auto appended = out.append(blocks.finish()); !appended) return appended;
    if (auto flushed = out.flush(); !flushed) return flushed;
    if (auto appended = append_lists(lists_out, lists_.size()); !appended) return appended;
    if (auto flushed = lists_out.flush(); !flushed) return flushed;
    place.bytes = out.offset() - place.offset;
    seal_cells(directory, identity_.seed);
    const std::array parts{std::span<const std::byte>(directory)};
    return file_->write(header_.place(SectionName::Directory).offset, parts);
  }

  // A key's postings are those of the parts, one after another.
  Result<void> add_key(const KeyMerge& keys, KeyBlocksWriter& blocks) {
    const auto in = keys.files();
    KeyValue value{.postings = 0,
                   .first_version = first_version(keys),
                   .last_version = keys.entry_in(in.back()).last_version,
                   .inline_list = {},
                   .list_offset = 0};
    for (const auto file : in) value.postings += keys.entry_in(file).postings;
    InlineListBytes inline_list;
    if (value.postings <= kInlineListBytesMax) {
      std::vector<Posting> postings;
      auto gathered = for_each_posting(keys, [&](std::span<const Posting> some) {
        postings.insert(postings.end(), some.begin(), some.end());
      });
      if (!gathered) return gathered;
      value.inline_list = encode_inline_list(postings, inline_list);
    }
    if (value.inline_list.empty()) {
      ListAppender list(lists_, value.postings, header_.postings, identity_.seed);
      auto added = for_each_posting(keys, [&](std::span<const Posting> some) { list.add(some); });
      if (!added) return added;
      value.list_offset = lists_bytes_ + list.finish();
    }
    blocks.add(keys.kind(), keys.text(), value);
    return {};
  }

  // Of a part that has husks alone it is that of the next event to come.
  static StreamVersion first_version(const KeyMerge& keys) {
    StreamVersion first;
    for (const auto file : keys.files()) {
      const auto& entry = keys.entry_in(file);
      first = entry.first_version;
      if (first <= entry.last_version) break;
    }
    return first;
  }

  template <typename Visit>
  Result<void> for_each_posting(const KeyMerge& keys, Visit visit) const {
    std::array<Posting, kChunkPostings> buffer{};
    for (const auto file : keys.files()) {
      const auto base = static_cast<Posting>(parts_[file]->first_position.value -
                                             parts_.front()->first_position.value);
      const auto& entry = keys.entry_in(file);
      Posting from = 0;
      for (std::uint64_t left = entry.postings; left > 0;) {
        const auto wanted = std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()));
        const auto count = sources_[file]->fetch(entry, from, Direction::Forwards, wanted);
        if (!count) return std::unexpected(count.error());
        if (*count != wanted.size()) {
          return std::unexpected(
              Error{.code = ErrorCode::Corruption,
                    .message = sources_[file]->path() + ": a list is shorter than its key says"});
        }
        from = wanted.back() + 1;
        for (auto& posting : wanted) posting += base;
        visit(std::span<const Posting>(wanted));
        left -= *count;
      }
    }
    return {};
  }

  Result<void> append_lists(FileAppender& out, std::size_t bytes) {
    const auto end = lists_.begin() + static_cast<std::ptrdiff_t>(bytes);
    auto appended = out.append({lists_.data(), bytes});
    lists_.erase(lists_.begin(), end);
    lists_bytes_ += bytes;
    return appended;
  }

  // Ids are in posting files by their hash alone, and that not whole: the events have them.
  Result<void> spill_ids() {
    LogReader reader(std::make_shared<const LogLayout>(layout_));
    constexpr std::size_t kAtOnce = 32;
    for (const auto& part : parts_) {
      const auto base = part->first_position.value - parts_.front()->first_position.value;
      const auto end = posting_file_of(*part).postings();
      for (std::uint64_t first = 0; first < end; first += kAtOnce) {
        std::array<Posting, kAtOnce> postings{};
        std::array<LogReader::Place, kAtOnce> places{};
        const auto count = std::min<std::uint64_t>(kAtOnce, end - first);
        for (std::uint64_t i = 0; i < count; ++i) postings[i] = static_cast<Posting>(first + i);
        if (auto located = reader.locate(*part, std::span(postings).first(count), places);
            !located) {
          return located;
        }
        for (const auto& place : std::span(places).first(count)) {
          if (place.offset == 0) continue;
          const auto posting = base + place.position.value - part->first_position.value;
          if (auto spilt = spill_id(reader, place, posting); !spilt) return spilt;
        }
        reader.forget_mappings();
      }
    }
    if (hashes_->size() != header_.keys + header_.ids) {
      return std::unexpected(Error{.code = ErrorCode::Corruption,
                                   .message = sources_.front()->path() +
                                              ": posting files to be merged have not as many ids "
                                              "as there are events"});
    }
    return hashes_->finish();
  }

  Result<void> spill_id(LogReader& reader, const LogReader::Place& place, std::uint64_t posting) {
    if (auto read = reader.read_at(place, event_); !read) return read;
    const auto& view = event_.event.view;
    return hashes_->add(hash_id(view.stream, view.id, identity_.secret),
                        static_cast<std::uint32_t>(posting));
  }

  Result<void> write_tables() {
    const auto section = [this](SectionName name) {
      const auto& place = header_.place(name);
      return CellSection{.file = *file_,
                         .offset = place.offset,
                         .cells = static_cast<std::size_t>(place.bytes / kCellBytes),
                         .seed = identity_.seed};
    };
    if (auto written = write_filter(section(SectionName::Filter), *hashes_); !written) {
      return written;
    }
    if (auto written = write_table(section(SectionName::KeyTable), *hashes_, 0, header_.keys);
        !written) {
      return written;
    }
    return write_table(section(SectionName::IdTable), *hashes_, header_.keys, header_.ids);
  }

  Result<void> write_lists() {
    const auto& keys = header_.place(SectionName::Keys);
    const auto offset = align_section(keys.offset + keys.bytes);
    header_.place(SectionName::Lists) = {.offset = offset, .bytes = lists_bytes_};
    header_.file_bytes = offset + lists_bytes_;
    // The zeros between the sections, where the file ends with them.
    FileAppender out(*file_, keys.offset + keys.bytes);
    const std::vector<std::byte> zeros(offset - (keys.offset + keys.bytes));
    if (auto appended = out.append(zeros); !appended) return appended;
    std::vector<std::byte> buffer(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < lists_bytes_;) {
      const auto count = lists_file_->read(at, buffer);
      if (!count) return std::unexpected(count.error());
      if (*count == 0) return std::unexpected(cut_short(lists_path()));
      if (auto appended = out.append(std::span(buffer).first(*count)); !appended) return appended;
      at += *count;
    }
    return out.flush();
  }

  Result<void> write_header() {
    std::array<std::byte, kPostingHeaderBytes> bytes{};
    encode_posting_header(header_, identity_, bytes);
    const std::array parts{std::span<const std::byte>(bytes)};
    return file_->write(0, parts);
  }

  FileSystem& files_;
  const LogLayout& layout_;
  const std::span<const std::shared_ptr<const Run>> parts_;
  const RunIdentity identity_;
  const std::string path_;
  std::vector<const PostingFile*> sources_;
  std::unique_ptr<File> file_;
  std::unique_ptr<File> lists_file_;
  std::unique_ptr<HashSpill> hashes_;  // of the keys by ordinal, then of the ids by posting
  LocatedEvent event_;                 // the one read last
  PostingHeader header_;
  std::vector<std::byte> lists_;   // what is not yet in the file of the lists
  std::uint64_t lists_bytes_ = 0;  // what is
};

}  // namespace

Result<void> merge_runs(FileSystem& files, const std::string& folder, const LogLayout& layout,
                        std::span<const std::shared_ptr<const Run>> parts, const RunFile& merged,
                        std::uint64_t secret) {
  const auto path = merged.path(folder);
  const auto names = files.open_directory(log_folder(folder));
  if (!names) return std::unexpected(names.error());
  const auto aside = path + ".tmp";
  RunMerge merge(files, layout, parts,
                 run_identity(layout.segments, merged.first_position, merged.last_position, secret),
                 aside);
  if (auto written = merge.write(); !written) return written;
  if (auto renamed = files.rename(aside, path); !renamed) return renamed;
  return sync_names(**names);
}

}  // namespace eventstore::log
