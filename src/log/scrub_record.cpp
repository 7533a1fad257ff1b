#include "log/scrub_record.hpp"

#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/codec.hpp"
#include "log/folder.hpp"

namespace eventstore::log {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTitle = "event-store scrub 1\n";

Json time_of(const std::optional<Timestamp>& time) {
  return time ? Json(format_timestamp(*time)) : Json(nullptr);
}

std::optional<Timestamp> time_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return parse_timestamp(found->get_ref<const std::string&>());
}

std::uint64_t number_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  return found->get<std::uint64_t>();
}

}  // namespace

std::string encode_scrub_record(const ScrubRecord& record) {
  const Json object{{"started_at", time_of(record.started_at)},
                    {"completed_at", time_of(record.completed_at)},
                    {"next_segment", record.next_segment},
                    {"bytes", record.bytes},
                    {"finding_count", record.finding_count},
                    {"finding_count_before", record.finding_count_before}};
  return std::string(kTitle) + object.dump(1) + "\n";
}

ScrubRecord decode_scrub_record(std::string_view text) {
  if (!text.starts_with(kTitle)) return {};
  const auto object = Json::parse(text.substr(kTitle.size()), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return {};
  return {.started_at = time_in(object, "started_at"),
          .completed_at = time_in(object, "completed_at"),
          .next_segment = number_in(object, "next_segment"),
          .bytes = number_in(object, "bytes"),
          .finding_count = number_in(object, "finding_count"),
          .finding_count_before = number_in(object, "finding_count_before")};
}

ScrubRecord load_scrub_record(FileSystem& files, const std::string& folder) {
  const auto text = read_file(files, scrub_path(folder));
  return text ? decode_scrub_record(*text) : ScrubRecord{};
}

Result<void> save_scrub_record(FileSystem& files, const std::string& folder,
                               const ScrubRecord& record) {
  const auto aside = scrub_path(folder) + ".tmp";
  if (auto removed = remove_if_there(files, aside); !removed) return removed;
  const auto file = files.create(aside);
  if (!file) return std::unexpected(file.error());
  const auto text = encode_scrub_record(record);
  const std::array<std::span<const std::byte>, 1> parts{as_bytes(text)};
  if (auto written = (*file)->write(0, parts); !written) return written;
  return files.rename(aside, scrub_path(folder));
}

}  // namespace eventstore::log
