#include <utility>

#include "eventstore/postgres.hpp"
#include "postgres/detachment.hpp"
#include "postgres/json_indexes.hpp"
#include "postgres/maintenance_session.hpp"
#include "postgres/migrations.hpp"
#include "postgres/months.hpp"
#include "postgres/partitions.hpp"
#include "postgres/table_stats.hpp"
#include "postgres/url.hpp"
#include "postgres/vacuum.hpp"

namespace eventstore {
struct PostgresMaintenance::Impl {
  postgres::MaintenanceSession session;

  // What `work(session)` gives, where the tables are those of this version.
  template <typename Work>
  auto run(const Work& work) -> decltype(work(session)) {
    if (auto checked = session.check_schema(); !checked) {
      return std::unexpected(std::move(checked).error());
    }
    return work(session);
  }
};

PostgresMaintenance::PostgresMaintenance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresMaintenance::~PostgresMaintenance() = default;

Result<std::unique_ptr<PostgresMaintenance>> PostgresMaintenance::open(std::string_view url) {
  const auto parsed = postgres::parse_store_url(url);
  if (!parsed) return std::unexpected(parsed.error());
  auto session = postgres::MaintenanceSession::open(*parsed);
  if (!session) return std::unexpected(std::move(session).error());
  return std::unique_ptr<PostgresMaintenance>(
      new PostgresMaintenance(std::make_unique<Impl>(*std::move(session))));
}

Result<PostgresMigration> PostgresMaintenance::migrate() {
  auto migrated = postgres::migrate_store(impl_->session);
  if (!migrated) return migrated;
  // So that nothing goes into the default tables, where those who append may make none.
  auto made = postgres::make_partitions(impl_->session, postgres::kMonthsAhead);
  if (!made) return std::unexpected(std::move(made).error());
  return migrated;
}

Result<std::vector<PostgresPartition>> PostgresMaintenance::list_partitions() {
  return impl_->run([](auto& session) { return postgres::list_partitions(session); });
}

Result<std::vector<std::string>> PostgresMaintenance::make_partitions(std::uint32_t ahead) {
  return impl_->run([&](auto& session) { return postgres::make_partitions(session, ahead); });
}

Result<void> PostgresMaintenance::detach_partition(std::string_view month) {
  return impl_->run([&](auto& session) { return postgres::detach_month(session, month); });
}

Result<void> PostgresMaintenance::attach_partition(std::string_view month) {
  return impl_->run([&](auto& session) { return postgres::attach_month(session, month); });
}

Result<std::vector<PostgresVacuum>> PostgresMaintenance::vacuum(bool all) {
  return impl_->run([&](auto& session) { return postgres::vacuum(session, all); });
}

Result<PostgresTableStats> PostgresMaintenance::table_stats() {
  return impl_->run([](auto& session) { return postgres::table_stats(session); });
}

Result<std::vector<std::string>> PostgresMaintenance::add_json_index(
    std::vector<std::string> types) {
  return impl_->run(
      [&](auto& session) { return postgres::add_json_index(session, std::move(types)); });
}

}  // namespace eventstore
