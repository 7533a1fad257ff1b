#include "log/manifest.hpp"

#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/codec.hpp"
#include "core/hexadecimal.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/format.hpp"

namespace eventstore::log {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTitle = "event-store manifest ";
constexpr std::string_view kChecksumTitle = " crc32c=";

std::string hexadecimal(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (auto at = digits; at-- > 0; value >>= 4) text[at] = kHexDigits[value & 15];
  return text;
}

template <typename T>
std::optional<T> number_in(std::string_view text, int base) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Reads fields of a JSON object and remembers whether all were there and of their kind.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) { ok_ = object.is_object(); }

  bool has(const char* name) const { return ok_ && object_.contains(name); }

  std::uint64_t number(const char* name) {
    if (!ok_ || !object_.contains(name) || !object_[name].is_number_unsigned()) return fail();
    return object_[name].get<std::uint64_t>();
  }
  std::string text(const char* name) {
    if (!ok_ || !object_.contains(name) || !object_[name].is_string()) return fail(), std::string{};
    return object_[name].get<std::string>();
  }
  Uuid uuid(const char* name) {
    const auto id = Uuid::parse(text(name));
    if (!id) return fail(), Uuid{};
    return *id;
  }
  const Json& array(const char* name) {
    static const Json empty = Json::array();
    if (!ok_ || !object_.contains(name) || !object_[name].is_array()) return fail(), empty;
    return object_[name];
  }
  bool ok() const { return ok_; }
  std::uint64_t fail() {
    ok_ = false;
    return 0;
  }

 private:
  const Json& object_;
  bool ok_ = true;
};

std::optional<ManifestSegment> read_segment(const Json& object) {
  Fields fields(object);
  ManifestSegment segment{.number = fields.number("number"),
                          .id = fields.uuid("id"),
                          .first_position = {fields.number("first_position")}};
  if (fields.has("last_position")) {
    segment.last_position = GlobalPosition{fields.number("last_position")};
    segment.bytes = fields.number("bytes");
    if (fields.has("digest")) segment.digest = fields.text("digest");
    if (fields.has("revision")) {
      const auto revision = fields.number("revision");
      if (revision > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
      segment.revision = static_cast<std::uint32_t>(revision);
    }
  }
  if (!fields.ok()) return std::nullopt;
  return segment;
}

// The segments must ascend without a gap, and only the last may be unsealed.
bool segments_fit(const std::vector<ManifestSegment>& segments) {
  if (segments.empty() || segments.back().is_sealed()) return false;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const auto& segment = segments[i];
    const auto& next = segments[i + 1];
    if (!segment.is_sealed() || next.number <= segment.number ||
        segment.last_position->value + 1 != next.first_position.value ||
        *segment.last_position < segment.first_position) {
      return false;
    }
  }
  return segments.front().first_position.value == 1;
}

std::optional<Manifest> read_manifest(const Json& object) {
  Fields fields(object);
  Manifest manifest{.store_id = fields.uuid("store_id"),
                    .index_secret = 0,
                    .generation = fields.number("generation"),
                    .lineage = {},
                    .segments = {}};
  const auto secret = number_in<std::uint64_t>(fields.text("index_secret"), 16);
  if (!secret) return std::nullopt;
  manifest.index_secret = *secret;
  for (const auto& item : fields.array("lineage")) {
    Fields lineage(item);
    manifest.lineage.push_back(
        {.id = lineage.uuid("id"), .first_position = {lineage.number("first_position")}});
    if (!lineage.ok()) return std::nullopt;
  }
  for (const auto& item : fields.array("segments")) {
    auto segment = read_segment(item);
    if (!segment) return std::nullopt;
    manifest.segments.push_back(*std::move(segment));
  }
  if (!fields.ok() || manifest.lineage.empty() || !segments_fit(manifest.segments)) {
    return std::nullopt;
  }
  return manifest;
}

}  // namespace

std::string segment_path(const std::string& folder, const ManifestSegment& listed) {
  return segment_path(folder, listed.number, listed.revision);
}

std::string encode_manifest(const Manifest& manifest) {
  Json object;
  object["store_id"] = manifest.store_id.to_string();
  object["index_secret"] = hexadecimal(manifest.index_secret, 16);
  object["generation"] = manifest.generation;
  object["lineage"] = Json::array();
  for (const auto& lineage : manifest.lineage) {
    object["lineage"].push_back(
        {{"id", lineage.id.to_string()}, {"first_position", lineage.first_position.value}});
  }
  object["segments"] = Json::array();
  for (const auto& segment : manifest.segments) {
    Json item{{"number", segment.number},
              {"id", segment.id.to_string()},
              {"first_position", segment.first_position.value}};
    if (segment.is_sealed()) {
      item["last_position"] = segment.last_position->value;
      item["bytes"] = segment.bytes;
      if (!segment.digest.empty()) item["digest"] = segment.digest;
      if (segment.revision != 0) item["revision"] = segment.revision;
    }
    object["segments"].push_back(std::move(item));
  }
  const auto body = object.dump(1) + "\n";
  auto text = std::string(kTitle) + std::to_string(kFormatVersion);
  text.append(kChecksumTitle).append(hexadecimal(crc32c(as_bytes(body)), 8));
  return text + "\n" + body;
}

Result<Manifest> decode_manifest(std::string_view text, const std::string& path) {
  const auto line_end = text.find('\n');
  const auto checksum_at = text.substr(0, line_end).find(kChecksumTitle);
  if (!text.starts_with(kTitle) || line_end == std::string_view::npos ||
      checksum_at == std::string_view::npos) {
    return std::unexpected(
        Error{.code = ErrorCode::NotAStore,
              .message = path + ": this is not the manifest of an event store; check the path"});
  }
  const auto version =
      number_in<std::uint32_t>(text.substr(kTitle.size(), checksum_at - kTitle.size()), 10);
  if (version && *version > kFormatVersion) {
    return std::unexpected(Error{.code = ErrorCode::UnsupportedFormat,
                                 .message = path + ": format version " + std::to_string(*version) +
                                            " is newer than this program reads (" +
                                            std::to_string(kFormatVersion) +
                                            "); use a newer release of event-store"});
  }
  const auto body = text.substr(line_end + 1);
  const auto from = checksum_at + kChecksumTitle.size();
  const auto checksum = number_in<std::uint32_t>(text.substr(from, line_end - from), 16);
  const auto damaged = [&](std::string_view what) {
    return std::unexpected(corruption({.file = path}, what));
  };
  if (!version || checksum != crc32c(as_bytes(body))) {
    return damaged(
        "checksum mismatch in the manifest; repair it from a copy (event-store maint repair --from "
        "COPY)");
  }
  const auto object = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  auto manifest = read_manifest(object);
  if (!manifest)
    return damaged(
        "the manifest contradicts itself; repair it from a copy (event-store maint repair --from "
        "COPY)");
  return *std::move(manifest);
}

Result<Manifest> load_manifest(FileSystem& files, const std::string& folder) {
  const auto text = read_file(files, manifest_path(folder));
  if (!text) return std::unexpected(text.error());
  return decode_manifest(*text, manifest_path(folder));
}

Result<void> save_manifest(FileSystem& files, const std::string& folder, const Manifest& manifest) {
  return replace_file(files, folder, manifest_path(folder), as_bytes(encode_manifest(manifest)));
}

}  // namespace eventstore::log
