#include "cli/session.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "eventstore/open.hpp"

namespace eventstore::cli {
namespace {

// What to do about a store that cannot be opened, beyond what the error says itself.
std::string_view advice(ErrorCode code, Access access) {
  switch (code) {
    case ErrorCode::NotFound:
      if (access == Access::WriteOrCreate) return "; make the folder that the store is to lie in";
      return "; --store or EVENT_STORE_URL names another, and `event-store event import FILE` "
             "makes one";
    case ErrorCode::NotAStore:
      return " (--store or EVENT_STORE_URL names it)";
    case ErrorCode::StoreLocked:
      return "; wait for the other process or stop it (commands that only read work meanwhile)";
    case ErrorCode::UnsupportedFormat:
      return "; use the version of event-store that wrote it, or a later one";
    default:
      return "";
  }
}

void show_notice(const Notice& notice, bool as_json) {
  if (notice.level == Notice::Level::Info) return;
  const auto level = notice.level == Notice::Level::Error ? "error" : "warning";
  const auto text = format_notice(level, notice.message, as_json);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

Expected<std::unique_ptr<EventStore>> open_store(const Session& session, Access access) {
  auto store =
      open(session.store_url, {.read_only = access == Access::Read,
                               .create = access == Access::WriteOrCreate,
                               .on_notice = [as_json = session.wants_json()](const Notice& notice) {
                                 show_notice(notice, as_json);
                               }});
  if (store) return *std::move(store);
  Failure failure(store.error());
  failure.message += advice(store.error().code, access);
  failure.details["store"] = session.store_url;
  return std::unexpected(std::move(failure));
}

Expected<GlobalPosition> for_each_event(Session& session, EventStore& store, ReadRequest request,
                                        const std::function<bool(const EventView&)>& visit) {
  auto cursor = store.read(std::move(request));
  if (!cursor) return std::unexpected(Failure(std::move(cursor).error()));
  for (;;) {
    const auto batch = (*cursor)->next();
    if (!batch) return std::unexpected(Failure(batch.error()));
    for (const auto& event : *batch) {
      if (!visit(event) || !session.output.usable()) return (*cursor)->head();
    }
    if (batch->empty()) return (*cursor)->head();
  }
}

Failure no_such_stream(const Session& session, std::string_view stream) {
  Failure failure("not_found", "there is no stream '" + std::string(stream) + "' in " +
                                   session.store_url +
                                   "; `event-store stream list` shows those there are");
  failure.details["stream"] = stream;
  return failure;
}

CLI::Validator whole_number() {
  return {[](const std::string& text) {
            const bool digits = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
              return c >= '0' && c <= '9';
            });
            const bool fits =
                text.size() < 20 || (text.size() == 20 && text <= "18446744073709551615");
            // CLI11 would read a leading zero as octal.
            const bool plain = digits && fits && (text == "0" || text[0] != '0');
            return plain ? std::string() : "not a whole number: " + text;
          },
          ""};
}

CLI::Option* add_number(CLI::App& command, const std::string& name,
                        std::optional<std::uint64_t>& value, const std::string& purpose) {
  return command.add_option(name, value, purpose)->check(whole_number())->type_name("N");
}

CLI::Option* add_repeatable(CLI::App& command, const std::string& name,
                            std::vector<std::string>& values, const std::string& purpose) {
  // Otherwise CLI11 gives an option that may be repeated every argument that follows it.
  return command.add_option(name, values, purpose)->allow_extra_args(false);
}

}  // namespace eventstore::cli
