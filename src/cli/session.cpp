#include "cli/session.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/option_value.hpp"
#include "cli/store_url.hpp"
#include "eventstore/open.hpp"

namespace eventstore::cli {
namespace {

bool only_reads(Access access) {
  return access == Access::Read || access == Access::Verify;
}

// Why the store cannot be opened, and what to do about it.
std::string sentence(const std::string& url, const Error& error, Access access) {
  switch (error.code) {
    case ErrorCode::NotFound:
      if (access == Access::WriteOrCreate && !is_server_url(url)) {
        return error.message + "; make the folder that the store is to lie in";
      }
      if (is_memory_url(url)) {
        return "a store in memory begins empty and is gone with the command, so that there is "
               "nothing in it for this one; --store or EVENT_STORE_URL names another";
      }
      return "there is no event store at " + url +
             "; --store or EVENT_STORE_URL names another, and `event-store " +
             (is_server_url(url) ? "maint migrate" : "event import FILE") + "` makes one";
    case ErrorCode::NotAStore:
      return error.message + " (--store or EVENT_STORE_URL names it)";
    case ErrorCode::StoreLocked:
      return "another process is writing to the store " + url +
             "; wait for it or stop it (commands that only read work meanwhile)";
    case ErrorCode::Corruption:
      // No command could tell more of a store that cannot even be read.
      return only_reads(access) ? error.message : Failure(error).message;
    default:
      return Failure(error).message;
  }
}

void show_notice(Session& session, Access access, const Notice& notice) {
  const bool is_damage = notice.level == Notice::Level::Error;
  if (notice.level == Notice::Level::Info || access == Access::Verify) return;
  if (!session.notices_shown.insert(notice.message).second) return;
  print_notice(session, is_damage ? "error" : "warning", notice.message);
}

}  // namespace

void print_notice(const Session& session, std::string_view level, std::string_view message) {
  const auto text = format_notice(level, message, session.wants_json());
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool has_segments(const Session& session) {
  return !is_server_url(session.store_url);
}

Expected<std::unique_ptr<EventStore>> open_store(Session& session, Access access) {
  auto store = open(session.store_url, {.read_only = only_reads(access),
                                        .create = access == Access::WriteOrCreate,
                                        .on_notice = [&session, access](const Notice& notice) {
                                          show_notice(session, access, notice);
                                        }});
  if (store) return *std::move(store);
  return std::unexpected(open_failure(session.store_url, store.error(), access));
}

Failure open_failure(const std::string& store_url, const Error& error, Access access) {
  const auto url = without_passwords(store_url);
  Failure failure(error);
  failure.message = sentence(url, error, access);
  failure.details["store"] = url;
  return failure;
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
  Failure failure("not_found", "there is no stream \"" + std::string(stream) + "\" in " +
                                   without_passwords(session.store_url) +
                                   "; `event-store stream list` shows those there are");
  failure.details["stream"] = stream;
  return failure;
}

CLI::Validator whole_number(std::uint64_t most) {
  return {[most](const std::string& text) -> std::string {
            const bool digits = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
              return c >= '0' && c <= '9';
            });
            if (!digits) return "not a whole number: " + text;
            // CLI11 would read it as octal.
            if (text.size() > 1 && text[0] == '0') return "begins with a zero: " + text;
            const auto limit = std::to_string(most);
            const bool fits =
                text.size() < limit.size() || (text.size() == limit.size() && text <= limit);
            return fits ? "" : "must be at most " + limit + ", not " + text;
          },
          ""};
}

CLI::Validator duration(std::chrono::seconds least) {
  return {[least](const std::string& text) {
            const auto time = parse_duration(text, least);
            return time ? std::string() : time.error();
          },
          ""};
}

CLI::Option* add_number(CLI::App& command, const std::string& name,
                        std::optional<std::uint64_t>& value, const std::string& purpose) {
  return command.add_option(name, value, purpose)->check(whole_number())->type_name("N");
}

CLI::Option* add_place(CLI::App& command, const std::string& name,
                       std::optional<std::uint64_t>& value, const std::string& purpose) {
  const auto check = [](const std::string& text) {
    return text == "0" ? "the first one is 1, not 0" : std::string();
  };
  return add_number(command, name, value, purpose)->check(CLI::Validator(check, ""));
}

CLI::Option* add_repeatable(CLI::App& command, const std::string& name,
                            std::vector<std::string>& values, const std::string& purpose) {
  // Otherwise CLI11 gives an option that may be repeated every argument that follows it.
  return command.add_option(name, values, purpose)->allow_extra_args(false);
}

}  // namespace eventstore::cli
