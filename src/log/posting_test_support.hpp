#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/file_system.hpp"
#include "log/posting_file.hpp"

// Posting files for tests, made from a simple model.
namespace eventstore::log {

// Bytes in memory, as if they were mapped.
class MappedBytes final : public MappedFile {
 public:
  explicit MappedBytes(std::vector<std::byte> contents) : contents_(std::move(contents)) {
    bytes_ = contents_;
  }

 private:
  std::vector<std::byte> contents_;
};

inline RunIdentity test_identity() {
  RunIdentity identity{
      .run_id = {}, .seed = 0x5eed5eed, .first_position = {1001}, .secret = 0x5ec2e7};
  for (std::size_t i = 0; i < 16; ++i) identity.run_id.bytes[i] = static_cast<std::byte>(i + 1);
  return identity;
}

// What a posting file says, in the plainest form.
struct PostingModel {
  using KeyName = std::pair<KeyKind, std::string>;

  std::vector<std::uint32_t> offsets;  // by posting, in units of 8 bytes; 0: a hole
  std::map<KeyName, std::vector<Posting>> keys;
  std::vector<std::pair<std::uint64_t, Posting>> ids;

  static Key key_of(const KeyName& name) {
    return {.kind = name.first,
            .text = name.second,
            .hash = hash_key(name.first, name.second, test_identity().secret)};
  }

  // A stream's versions, made up so that they differ from stream to stream.
  static StreamVersion first_version(const std::vector<Posting>& postings) {
    return {postings.front() % 1000 + 1};
  }
  static StreamVersion last_version(const std::vector<Posting>& postings) {
    return {first_version(postings).value + postings.size() - 1};
  }

  // Borrows the model.
  PostingFileContents contents() const {
    PostingFileContents contents{
        .identity = test_identity(), .offsets = offsets, .keys = {}, .ids = {}};
    for (const auto& [name, postings] : keys) {
      const bool is_stream = name.first == KeyKind::Stream;
      contents.keys.push_back(
          {.key = key_of(name),
           .first_version = is_stream ? first_version(postings) : StreamVersion{},
           .last_version = is_stream ? last_version(postings) : StreamVersion{},
           .postings = postings});
    }
    for (const auto& [hash, posting] : ids) {
      contents.ids.push_back({.hash = hash, .posting = posting});
    }
    return contents;
  }

  std::vector<std::byte> encode() const { return encode_posting_file(contents()); }
};

// A file of a few KB with something of everything: holes, all kinds of keys, prefixes that are
// shared and not, several blocks, inline lists, a list of one chunk and one of more, and padding.
inline PostingModel small_model() {
  PostingModel model;
  std::vector<Posting> events;
  for (Posting posting = 0; posting < 150; ++posting) {
    const bool is_hole = posting % 37 == 5;
    model.offsets.push_back(is_hole ? 0 : 512 + posting * 24);
    if (!is_hole) events.push_back(posting);
  }
  for (Posting stream = 0; stream < 14; ++stream) {
    std::vector<Posting> postings;
    for (std::size_t i = stream; i < events.size(); i += 14) postings.push_back(events[i]);
    model.keys[{KeyKind::Stream, "account-" + std::to_string(stream * 7)}] = postings;
  }
  model.keys[{KeyKind::Category, "account"}] = events;
  model.keys[{KeyKind::Type, "Opened"}] = {events.begin(), events.begin() + 70};
  model.keys[{KeyKind::Type, "Open"}] = {events.begin() + 70, events.begin() + 137};
  model.keys[{KeyKind::Type, "Closed"}] = {events.back()};
  model.keys[{KeyKind::Tag, ""}] = {3};
  for (std::size_t i = 0; i < 20; ++i) {
    model.ids.emplace_back((i + 1) * 0x9E3779B97F4A7C15, events[i]);
  }
  return model;
}

inline Result<std::unique_ptr<PostingFile>> open_bytes(std::vector<std::byte> bytes) {
  return PostingFile::open(std::make_shared<const MappedBytes>(std::move(bytes)), test_identity(),
                           "1.post");
}

}  // namespace eventstore::log
