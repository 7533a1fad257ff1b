#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/projection.hpp"
#include "projection/projection_rows.hpp"

// The tables that a generation of a projection has for itself: its documents and those that the
// projection says. Users see the live generation's by views with the names that the projection
// gives.
namespace eventstore::projection {

// Fail with InvalidArgument.
Result<void> validate_projection_name(std::string_view name);
Result<void> validate_tables(std::span<const ProjectionTable> tables);

std::string documents_table(std::int64_t generation);
std::string own_table(std::int64_t generation, std::string_view name);

// The view of a projection's documents, whose columns are `key` and `document`: "projection_" and
// the name, with _ for -.
std::string documents_view(std::string_view projection);

// What a generation of the projection is made of, which is another with other tables or another
// filter: JSON.
std::string definition_of(const Projection& projection);

// Fails with InvalidArgument where a table or a view of the generation would have the name of one
// of another projection.
Result<void> check_names(StateTransaction& transaction, const GenerationRow& generation);

Result<void> create_tables(StateTransaction& transaction, const GenerationRow& generation,
                           std::span<const ProjectionTable> tables);
Result<void> drop_tables(StateTransaction& transaction, const GenerationRow& generation);

// Has the views show this generation. `before` is the one that they show, null where there is none:
// a name that something else has already then is an InvalidArgument.
Result<void> show_generation(StateTransaction& transaction, const GenerationRow& generation,
                             const GenerationRow* before);
Result<void> drop_views(StateTransaction& transaction, const GenerationRow& generation);

}  // namespace eventstore::projection
