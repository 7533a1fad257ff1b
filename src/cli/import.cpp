#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cli/bounded_queue.hpp"
#include "cli/import_appender.hpp"
#include "cli/import_batch.hpp"
#include "cli/input.hpp"
#include "cli/interrupt.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "eventstore/text.hpp"

namespace eventstore::cli {
namespace {

using std::chrono::steady_clock;

// Batches parsed ahead of the one that is being appended.
constexpr std::size_t kQueueBatchesMax = 4;
constexpr std::size_t kQueueBytesMax = std::size_t{32} << 20;

struct ImportOptions {
  std::string path;
  std::string format = "ndjson";
  std::uint64_t batch = 1000;
  bool system = false;
};

void declare_import(CLI::App& command, ImportOptions& options) {
  command
      .add_option("FILE", options.path, "The file, also compressed by zstd; - is standard input")
      ->required()
      ->type_name("");
  command.add_option("--format", options.format, "One event a line, in this form")
      ->check(CLI::IsMember({"ndjson", "cloudevents"}).description(""))
      ->type_name("ndjson|cloudevents")
      ->capture_default_str();
  command.add_option("--batch", options.batch, "How many events to append at once, all or none")
      ->check(whole_number())
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--system", options.system, "Also take the store's own events ('$')");
  command.footer(
      "Makes the store if there is none. Events that are there already (the same id in the same\n"
      "stream) are not added again, so an import that was cut short can simply be run again.\n"
      "Example:  event-store event import events.ndjson.zst");
}

struct Summary {
  std::uint64_t added;
  std::uint64_t already_there;
  double seconds;

  std::uint64_t events() const { return added + already_there; }
  double events_per_second() const {
    return seconds > 0 ? static_cast<double>(events()) / seconds : 0;
  }
};

void print_summary(Session& session, const Summary& summary) {
  const auto rate = static_cast<std::uint64_t>(summary.events_per_second());
  session.done = {{"events", summary.events()},
                  {"added", summary.added},
                  {"already_there", summary.already_there},
                  {"seconds", summary.seconds},
                  {"events_per_second", rate}};
  if (session.object_format() != OutputFormat::Table) {
    return print_object(session.output, session.object_format(), session.done);
  }
  const auto pace = fmt::format("{:.3f} s, {} events/s", summary.seconds, with_thousands(rate));
  if (summary.events() == 0) {
    session.output.write("nothing new: there are no events in the input\n");
  } else if (summary.added == 0) {
    session.output.write(fmt::format("nothing new: all {} were there already ({})\n",
                                     counted(summary.events(), "event"), pace));
  } else {
    session.output.write(fmt::format(
        "{} read: {} added, {} already there ({})\n", counted(summary.events(), "event"),
        with_thousands(summary.added), with_thousands(summary.already_there), pace));
  }
}

// Says beside a failure what became of the events before it.
Failure with_outcome(Failure failure, const ImportAppender& appender) {
  const auto kept = appender.added() + appender.already_there();
  failure.details["added"] = appender.added();
  failure.details["already_there"] = appender.already_there();
  const bool bad_input = failure.code == "bad_input";
  failure.message += fmt::format(
      "; {}{}, and running the import again{} adds only what is missing",
      kept == 0 ? "nothing was added"
                : fmt::format("{}{} {} in the store", counted(kept, "event"),
                              bad_input ? " before it" : "", kept == 1 ? "is" : "are"),
      kept > 0 && bad_input ? fmt::format(" (up to line {})", appender.last_line()) : "",
      bad_input ? " after mending that" : "");
  return failure;
}

// Parses on a thread of its own, and appends on this one.
Expected<void> import_events(Input& input, const ImportForm& form, const Interrupt& interrupt,
                             ImportAppender& appender) {
  BoundedQueue<ImportBatch> queue(kQueueBatchesMax, kQueueBytesMax);
  Expected<void> parsed;  // written by the parser, read after its end
  std::jthread parser([&] {
    ImportBatcher batcher(input, form);
    auto batch = batcher.next();
    for (; batch && *batch; batch = batcher.next()) {
      const auto bytes = (*batch)->bytes;
      if (!queue.push(*std::move(*batch), bytes)) break;
    }
    if (!batch) parsed = std::unexpected(std::move(batch).error());
    queue.close();
  });

  Expected<void> appended;
  Progress progress("read");
  while (appended && !interrupt.requested()) {
    auto batch = queue.pop();
    if (!batch) break;
    appended = appender.append(*std::move(batch));
    progress.show(appender.added() + appender.already_there(), input.share_used());
  }
  queue.close();
  parser.join();
  if (appended) appended = appender.finish();
  if (!appended) return appended;
  if (interrupt.requested()) return std::unexpected(Failure("cancelled", "interrupted"));
  return parsed;
}

Outcome run_import(Session& session, const ImportOptions& options) {
  const auto start = steady_clock::now();
  const ImportForm form{
      .parse = options.format == "ndjson" ? parse_ndjson_event : parse_cloud_event,
      .batch_events_max = options.batch,
      .allow_system = options.system};
  const Interrupt interrupt;
  const auto input = Input::open(options.path, interrupt.wake_fd());
  if (!input) return std::unexpected(input.error());
  const auto store = open_store(session, Access::WriteOrCreate);
  if (!store) return std::unexpected(store.error());
  const auto head = (*store)->head();
  if (!head) return std::unexpected(Failure(head.error()));

  ImportAppender appender(**store, (*input)->name(), form, *head);
  const auto imported = import_events(**input, form, interrupt, appender);
  if (!imported) return std::unexpected(with_outcome(imported.error(), appender));
  const std::chrono::duration<double> elapsed = steady_clock::now() - start;
  print_summary(session, {.added = appender.added(),
                          .already_there = appender.already_there(),
                          .seconds = elapsed.count()});
  return ExitCode::Done;
}

}  // namespace

void add_import_command(CLI::App& event, Session& session) {
  add_command(event, session, "import", "Append the events of a file, one a line", declare_import,
              run_import);
}

}  // namespace eventstore::cli
