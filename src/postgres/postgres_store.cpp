#include "postgres/postgres_store.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/one_at_a_time.hpp"
#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "eventstore/validate.hpp"
#include "postgres/maintenance.hpp"
#include "postgres/migrations.hpp"
#include "postgres/postgres_cursor.hpp"
#include "postgres/read_planner.hpp"
#include "postgres/scavenge.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {
namespace {

constexpr int kServerVersionMin = 140000;

// How long an address is tried where nobody answers.
constexpr std::chrono::milliseconds kSilentPatience{10'000};

// Plans that do not depend on how large the tables were when they were made, and nothing that waits
// for ever: no timeout of the server's ends a COPY whose sender is gone without a word, and it
// holds the lock. Not where a pooler is in between, which does not know of such settings.
constexpr auto kSession = std::to_array<SessionSetting>({
    {"jit", "off"},
    {"plan_cache_mode", "force_generic_plan"},
    {"enable_seqscan", "off"},
    {"enable_bitmapscan", "off"},
    {"enable_hashjoin", "off"},
    {"idle_in_transaction_session_timeout", "10s"},
    {"TimeZone", "UTC"},
    {"tcp_keepalives_idle", "10"},
    {"tcp_keepalives_interval", "5"},
    {"tcp_keepalives_count", "3"},
});

constexpr const char* kServer =
    "SELECT current_setting('server_encoding'), pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on'";

constexpr const char* kLockKey =
    "SELECT oid::bigint FROM pg_namespace WHERE oid = to_regnamespace($1::text)";

constexpr const char* kIdentity = "SELECT store_id, lineage_id FROM {s}.store";

constexpr const char* kFind =
    "SELECT n.ordinal - 1, i.position, i.version FROM unnest($2::uuid[]) WITH ORDINALITY n(id, "
    "ordinal)"
    " JOIN {s}.streams s ON s.name = $1::text"
    " JOIN {s}.event_ids i ON i.stream_id = s.stream_id AND i.id = n.id";

std::vector<SessionSetting> session_of(const StoreUrl& url) {
  if (url.pooled) return {};
  return {kSession.begin(), kSession.end()};
}

Error read_only() {
  return {.code = ErrorCode::ReadOnly,
          .message = "the store was opened read-only; open it for writing to append"};
}

Error closed() {
  return {.code = ErrorCode::Closed, .message = "the store is being closed"};
}

Error not_found(const std::string& schema) {
  return {.code = ErrorCode::NotFound,
          .message = "there is no event store in schema " + schema + " of the database"};
}

}  // namespace

PostgresStore::PostgresStore(StoreSettings settings)
    : settings_(std::move(settings)), history_(settings_, months_), pool_(settings_) {
  settings_.history = &history_;
  settings_.stop = closing_.get_token();
}

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const StoreUrl& url,
                                                           const OpenOptions& options,
                                                           const PostgresStoreTuning& tuning) {
  StoreSettings settings{
      .connection = {.uri = url.uri, .prepares = !url.pooled, .session = session_of(url)},
      .listening = {.uri = url.listen_uri},
      .schema = quote_identifier(url.schema),
      .channel_name = "eventstore:" + url.schema,
      .channel = quote_identifier("eventstore:" + url.schema),
      .connections_max = url.connections,
      .read_only = options.read_only,
      .migrates = url.migrates,
      .patience = tuning.patience.value_or(url.patience),
      .environment = posix_environment(),
      .server_time = tuning.server_time,
      .on_notice = one_at_a_time(options.on_notice)};
  if (tuning.silence_max) settings.silence_max = *tuning.silence_max;
  if (tuning.notification_queue_percent_most) {
    settings.notification_queue_percent_most = *tuning.notification_queue_percent_most;
  }
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(settings)));
  if (auto started = store->start(options); !started) {
    return std::unexpected(std::move(started).error());
  }
  return store;
}

Result<void> PostgresStore::start(const OpenOptions& options) {
  auto opened = connect();
  if (!opened) return std::unexpected(to_error(opened.error()));
  auto& connection = **opened;
  if (auto checked = check_server(connection); !checked) return checked;
  if (auto checked = check_schema(connection, options); !checked) return checked;
  const auto sql = fill_in(kIdentity, settings_.schema);
  const auto identity = connection.run({.sql = sql}, patience());
  if (!identity) return std::unexpected(to_error(identity.error()));
  if (identity->empty()) return std::unexpected(not_found(settings_.schema));
  store_id_ = identity->uuid(0, 0);
  lineage_id_ = identity->uuid(0, 1);
  const auto key = connection.run(
      {.sql = kLockKey, .parameters = Parameters().text(settings_.schema)}, patience());
  if (!key) return std::unexpected(to_error(key.error()));
  settings_.lock_key = static_cast<std::uint32_t>(key->int8(0, 0));

  wake_up_ = std::make_unique<WakeUp>(settings_, [this] { return head(); });
  if (settings_.read_only) return {};
  months_ahead_ = std::make_unique<MonthsAhead>(settings_, connection);
  lock_watch_ = std::make_unique<LockWatch>(settings_);
  appender_ = std::make_unique<Appender>(settings_, months_, [this](GlobalPosition head) {
    wake_up_->committed(head);
    months_ahead_->began(months_.list()->last());
  });
  queue_ = std::make_unique<AppendQueue<PreparedAppend>>(
      *settings_.environment.clock,
      AppendQueueOptions{.requests_max = options.queue_requests_max,
                         .bytes_max = options.queue_bytes_max},
      [this](std::span<Pending* const> group) {
        lock_watch_->began();
        appender_->commit(group);
        lock_watch_->ended();
      },
      [] {});
  return {};
}

// The first connection. A server that says that it is about to start is waited for; one that says
// nothing may just as well be elsewhere.
Answer<std::unique_ptr<Connection>> PostgresStore::connect() {
  const auto deadline = patience();
  const auto silent = std::min(settings_.patience, kSilentPatience);
  const auto silent_until = settings_.environment.clock->monotonic_now() + silent;
  Backoff backoff(*settings_.environment.random, settings_.stop);
  std::optional<Failure> refused;
  for (bool has_told = false;; has_told = true) {
    auto opened = Connection::open(settings_.connection, deadline);
    // What the server has said says more than that the time is over.
    if (!opened && opened.error().kind == Failure::Kind::TimedOut && refused) {
      return std::unexpected(*std::move(refused));
    }
    if (opened || !opened.error().is_passing()) return opened;
    if (opened.error().kind == Failure::Kind::Refused) refused = opened.error();
    if (!has_told) {
      const auto waits = opened.error().sqlstate.empty() ? silent : settings_.patience;
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(waits).count();
      settings_.notify(Notice::Level::Warning, "the server cannot be reached, and is tried for " +
                                                   std::to_string(seconds) +
                                                   " s: " + opened.error().message);
    }
    if (!backoff.wait(opened.error().sqlstate.empty() ? silent_until : deadline)) return opened;
  }
}

Result<void> PostgresStore::check_server(Connection& connection) {
  if (connection.server_version() < kServerVersionMin) {
    return std::unexpected(Error{.code = ErrorCode::Unsupported,
                                 .message = "the server is PostgreSQL " +
                                            std::string(connection.parameter("server_version")) +
                                            "; this needs 14 or newer"});
  }
  const auto server = connection.run({.sql = kServer}, patience());
  if (!server) return std::unexpected(to_error(server.error()));
  if (server->text(0, 0) != "UTF8") {
    return std::unexpected(Error{.code = ErrorCode::Unsupported,
                                 .message = "the database's encoding is " +
                                            std::string(server->text(0, 0)) + "; it must be UTF8"});
  }
  if (!settings_.read_only && server->boolean(0, 2)) {
    const std::string_view why =
        server->boolean(0, 1) ? "the server is a standby, which takes no writes"
                              : "the session takes no writes (default_transaction_read_only)";
    return std::unexpected(
        Error{.code = ErrorCode::ReadOnly,
              .message = std::string(why) + "; open the store read-only, or on the primary"});
  }
  const auto admitted = settings_.read_only ? history_.admit_reader(connection, patience())
                                            : history_.admit_writer(connection, patience());
  if (!admitted) return std::unexpected(to_error(admitted.error()));
  return {};
}

Result<void> PostgresStore::check_schema(Connection& connection, const OpenOptions& options) {
  const auto state = schema_state(connection, settings_.schema, patience());
  if (!state) return std::unexpected(to_error(state.error()));
  if (state->has_other_tables) {
    return std::unexpected(Error{.code = ErrorCode::NotAStore,
                                 .message = "schema " + settings_.schema +
                                            " has tables that are no event store; choose another"});
  }
  const auto newest = all_migrations().back().number;
  if (state->version > newest) {
    return std::unexpected(Error{.code = ErrorCode::UnsupportedFormat,
                                 .message = "schema " + settings_.schema + " is at version " +
                                            std::to_string(state->version) +
                                            ", and this program knows " + std::to_string(newest) +
                                            "; use a newer version of this program"});
  }
  if (state->version == newest) return {};
  const bool is_new = state->version == 0;
  if (is_new && (options.read_only || !options.create || !settings_.migrates)) {
    return std::unexpected(not_found(settings_.schema));
  }
  if (options.read_only || !settings_.migrates) {
    return std::unexpected(Error{.code = ErrorCode::UnsupportedFormat,
                                 .message = "schema " + settings_.schema + " is at version " +
                                            std::to_string(state->version) +
                                            ", and this program reads " + std::to_string(newest) +
                                            "; migrate it first"});
  }
  const auto migrated = migrate(connection, settings_, patience());
  if (migrated) return {};
  auto error = to_error(migrated.error());
  error.message = (is_new ? "no event store can be made in schema " : "no migration of schema ") +
                  settings_.schema + ": " + error.message;
  return std::unexpected(std::move(error));
}

PostgresStore::~PostgresStore() {
  closing_.request_stop();
  if (queue_ != nullptr) queue_->close();
  wake_up_.reset();
}

template <typename Ask>
auto PostgresStore::ask(const Ask& ask, Deadline deadline)
    -> Result<typename decltype(ask(std::declval<Connection&>(), Deadline{}))::value_type> {
  if (settings_.stop.stop_requested()) return std::unexpected(closed());
  auto answer = pool_.with_connection(
      deadline, [&](Connection& connection) { return ask(connection, deadline); });
  if (!answer) return std::unexpected(to_error(answer.error()));
  return *std::move(answer);
}

Result<PreparedAppend> PostgresStore::prepare(AppendRequest request) {
  const auto refuse = [&](Error error) {
    if (request.context.chain != nullptr) request.context.chain->break_off();
    return std::unexpected(std::move(error));
  };
  if (settings_.stop.stop_requested()) return refuse(closed());
  if (queue_ == nullptr) return refuse(read_only());
  if (auto valid = validate(request); !valid) return refuse(std::move(valid).error());
  return PreparedAppend(std::move(request), settings_.environment);
}

Result<AppendResult> PostgresStore::append(AppendRequest request) {
  auto prepared = prepare(std::move(request));
  if (!prepared) return std::unexpected(std::move(prepared).error());
  return queue_->append(*std::move(prepared));
}

void PostgresStore::append_async(AppendRequest request, AppendCallback callback) {
  auto prepared = prepare(std::move(request));
  if (!prepared) {
    auto refused = std::unexpected(std::move(prepared).error());
    if (queue_ == nullptr) return callback(std::move(refused));
    return queue_->answer_async(std::move(callback), std::move(refused));
  }
  queue_->append_async(*std::move(prepared), std::move(callback));
}

Result<std::unique_ptr<Cursor>> PostgresStore::read(ReadRequest request) {
  if (auto valid = validate(request); !valid) return std::unexpected(std::move(valid).error());
  const auto deadline = std::min(request.deadline.value_or(Deadline::max()), patience());
  auto plan = ask(
      [&](Connection& connection, Deadline until) {
        return ReadPlanner(settings_, months_, connection, until).plan(request, streams_);
      },
      std::max(deadline,
               settings_.environment.clock->monotonic_now() + std::chrono::milliseconds(100)));
  if (!plan) return std::unexpected(std::move(plan).error());
  return std::make_unique<PostgresCursor>(settings_, pool_, *std::move(plan));
}

Result<GlobalPosition> PostgresStore::head() {
  const auto seen =
      ask([&](Connection& connection,
              Deadline until) { return ReadPlanner(settings_, months_, connection, until).look(); },
          patience());
  if (!seen) return std::unexpected(seen.error());
  return seen->head;
}

Result<GlobalPosition> PostgresStore::wait_past(GlobalPosition position, Deadline deadline,
                                                std::stop_token cancellation) {
  return wake_up_->wait_past(position, deadline, cancellation);
}

Result<std::optional<StreamInfo>> PostgresStore::stream_info(std::string_view stream) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  auto infos = ask(
      [&](Connection& connection,
          Deadline until) -> Answer<std::vector<std::optional<StreamInfo>>> {
        const auto seen = ReadPlanner(settings_, months_, connection, until).look();
        if (!seen) return std::unexpected(seen.error());
        return StreamLookup(settings_, connection, *seen, until).infos({&stream, 1});
      },
      patience());
  if (!infos) return std::unexpected(std::move(infos).error());
  return std::move(infos->front());
}

Result<std::vector<StreamInfo>> PostgresStore::list_streams(const ListStreamsRequest& request) {
  return ask(
      [&](Connection& connection, Deadline until) -> Answer<std::vector<StreamInfo>> {
        const auto seen = ReadPlanner(settings_, months_, connection, until).look();
        if (!seen) return std::unexpected(seen.error());
        return StreamLookup(settings_, connection, *seen, until).list(request);
      },
      patience());
}

Result<std::vector<std::optional<EventLocation>>> PostgresStore::find(std::string_view stream,
                                                                      std::span<const Uuid> ids) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const auto sql = fill_in(kFind, settings_.schema);
  return ask(
      [&](Connection& connection,
          Deadline until) -> Answer<std::vector<std::optional<EventLocation>>> {
        const auto rows = connection.run(
            {.sql = sql, .parameters = Parameters().text(stream).uuid_array(ids)}, until);
        if (!rows) return std::unexpected(rows.error());
        std::vector<std::optional<EventLocation>> found(ids.size());
        for (int row = 0; row < rows->size(); ++row) {
          found[rows->int8(row, 0)] = EventLocation{{rows->int8(row, 1)}, {rows->int8(row, 2)}};
        }
        return found;
      },
      patience());
}

Capabilities PostgresStore::capabilities() const {
  return {.engine = "postgresql",
          .durability = Durability::PowerLoss,
          .dense_positions = true,
          .zero_copy = false,
          .many_writing_processes = true};
}

Result<StoreStats> PostgresStore::stats() {
  return ask(
      [&](Connection& connection, Deadline until) -> Answer<StoreStats> {
        const auto seen = ReadPlanner(settings_, months_, connection, until).look();
        if (!seen) return std::unexpected(seen.error());
        return count_store(connection, settings_, *seen, until);
      },
      patience());
}

Health PostgresStore::health() {
  return {.store_id = store_id_, .lineage_id = lineage_id_, .failure = history_.failure()};
}

Result<VerifyReport> PostgresStore::verify() {
  return ask(
      [&](Connection& connection, Deadline until) -> Answer<VerifyReport> {
        const auto seen = ReadPlanner(settings_, months_, connection, until).look();
        if (!seen) return std::unexpected(seen.error());
        return verify_store(connection, settings_, *seen, until);
      },
      Deadline::max());
}

Result<ScavengeReport> PostgresStore::scavenge(const ScavengeOptions& options) {
  if (settings_.read_only && !options.dry_run) return std::unexpected(read_only());
  if (auto lost = history_.failure()) return std::unexpected(*std::move(lost));
  if (scavenging_.exchange(true)) {
    return std::unexpected(Error{.code = ErrorCode::Overloaded,
                                 .message = "the store is being scavenged; try again later"});
  }
  auto report = Scavenge(settings_, months_, options).run();
  scavenging_ = false;
  return report;
}

}  // namespace eventstore::postgres
