#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/document.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"

namespace eventstore {

// What a projection changes while it applies an event. All of it is committed in one transaction
// with the checkpoint, together with that of other events: each event has its effects exactly once.
//
// Threads: one at a time; belongs to a call of apply().
class ProjectionContext {
 public:
  ProjectionContext() = default;
  virtual ~ProjectionContext() = default;
  ProjectionContext(const ProjectionContext&) = delete;
  ProjectionContext& operator=(const ProjectionContext&) = delete;

  // The documents of the projection, by key: 1 to 512 bytes of UTF-8. Pointers are valid until the
  // event is applied. A document belongs to one partition (Projection::partition_key()): with
  // several workers, those of other partitions are not seen, and what would change one fails with
  // InvalidArgument, at the latest when it is to be committed.
  //
  // All fail with InvalidArgument (key), as DocumentCodec<T>::decode(), or as
  // StateTransaction::run().

  // Null: there is none.
  template <typename T>
  Result<const T*> get(std::string_view key) {
    auto found = document(key);
    if (!found) return std::unexpected(std::move(found).error());
    return (*found)->template value<T>();
  }

  // To be changed in place; a default T where there is none.
  template <typename T>
  Result<T*> edit(std::string_view key) {
    auto found = document(key);
    if (!found) return std::unexpected(std::move(found).error());
    auto value = (*found)->template value<T>();
    if (!value) return std::unexpected(std::move(value).error());
    if (*value == nullptr) {
      value = &(*found)->template put<T>(T{});
    }
    mark_changed(**found);
    return value;
  }

  template <typename T>
  Result<void> put(std::string_view key, T value) {
    auto found = document(key);
    if (!found) return std::unexpected(std::move(found).error());
    mark_changed(**found);
    (*found)->put(std::move(value));
    return {};
  }

  // It need not be there.
  Result<void> erase(std::string_view key) {
    auto found = document(key);
    if (!found) return std::unexpected(std::move(found).error());
    mark_changed(**found);
    (*found)->erase();
    return {};
  }

  // Runs one statement on the projection's own tables, which are named in braces:
  //   INSERT INTO {permits} (id, state) VALUES ($1, $2)
  // Whole numbers are given as std::int64_t, positions and times by sql_number().
  // A statement that names one of them without braces is refused where that is seen (behind FROM,
  // JOIN, INTO, ONLY, UPDATE or USING): it would mean the table that is shown at the moment, also
  // where a rebuild runs it. It may do whatever the state database lets this process do: change
  // nothing else with it.
  //
  // Fails with InvalidArgument where there is no such table, or as StateTransaction::run().
  virtual Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) = 0;
  Result<SqlRows> run(std::string_view sql, std::initializer_list<SqlParameter> parameters = {}) {
    return run(sql, std::span(parameters.begin(), parameters.size()));
  }

  // Whether what lies outside of the state database (mails, calls) is to be done for this event:
  // not while a rebuild goes through events that had their effects already. Such effects are at
  // least once: they come again where the process ends before the commit, and where another event
  // of the same transaction fails. The event's position makes them recognisable.
  virtual bool has_side_effects() const = 0;

 private:
  virtual Result<Document*> document(std::string_view key) = 0;
  virtual void mark_changed(Document& document) = 0;
};

// A table of a projection. Users query a view of that name; a rebuild makes a new table and has the
// view show that.
struct ProjectionTable {
  std::string name;     // 1 to 40 of a-z, 0-9 and _, the first a letter; not "state_..."
  std::string columns;  // as in CREATE TABLE, of the SQL that StateTransaction says
  std::vector<std::string> indexes = {};  // each the columns of one
};

// A read model computed from events: what becomes of one event after the other, from nothing.
//
// Threads: the same object is called by all of its workers at once, each with events of its own
//          partitions, so that it keeps nothing of its own: state is in the context.
class Projection {
 public:
  Projection() = default;
  virtual ~Projection() = default;
  Projection(const Projection&) = delete;
  Projection& operator=(const Projection&) = delete;

  // 1 to 40 of a-z, 0-9 and -, the first a letter.
  virtual std::string_view name() const = 0;

  // A higher one where events have other effects than before, or other events have some, or tables
  // are others: what is stored of another version is not gone on with, but has to be rebuilt. At
  // least 1.
  virtual std::uint32_t version() const { return 1; }

  // Which events it is made of.
  virtual SubscriptionFilter filter() const { return {}; }

  virtual std::vector<ProjectionTable> tables() const { return {}; }

  // Events of which those with the same key are applied one after the other. Two with different
  // keys may be applied at once, and so must not have effects on the same document or row. A view
  // into the event, or what lives as long as the projection. An exception ends the projection.
  virtual std::string_view partition_key(const EventView& event) const { return event.stream; }

  // A failure (an exception is one too) is tried again, and then dealt with as ProjectionOptions
  // say. What it had changed is undone.
  virtual Result<void> apply(ProjectionContext& context, const EventView& event) = 0;
};

}  // namespace eventstore
