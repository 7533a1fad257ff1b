#pragma once

#include "eventstore/append.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

// What becomes of an append by its RequestContext alone, the same on every engine.
namespace eventstore {

// Fails with Cancelled or DeadlineExceeded where nobody wants the append any more when it is about
// to begin: its chain is broken, it was cancelled, or its deadline lies before `now`.
Result<void> still_wanted(const RequestContext& context, Deadline now);

// Of an append behind one that ended their chain.
Error chain_is_broken();

// Whether the chain of an append, if it has one, ends with this answer.
bool ends_chain(const RequestContext& context, const Result<AppendResult>& answer);

// Ends the chain of an append, if it has one.
void break_chain(const RequestContext& context);

}  // namespace eventstore
