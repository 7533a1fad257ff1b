#include "core/append_context.hpp"

namespace eventstore {

Error chain_is_broken() {
  return {.code = ErrorCode::Cancelled,
          .message = "an append before this one in its chain failed; nothing was written"};
}

Result<void> still_wanted(const RequestContext& context, Deadline now) {
  if (context.chain != nullptr && context.chain->is_broken()) {
    return std::unexpected(chain_is_broken());
  }
  if (context.cancellation.stop_requested()) {
    return std::unexpected(Error{.code = ErrorCode::Cancelled,
                                 .message = "the append was cancelled; nothing was written"});
  }
  if (context.deadline && now > *context.deadline) {
    return std::unexpected(
        Error{.code = ErrorCode::DeadlineExceeded,
              .message = "the deadline passed before the append began; nothing was written"});
  }
  return {};
}

bool ends_chain(const RequestContext& context, const Result<AppendResult>& answer) {
  if (!answer) return true;
  return context.chain != nullptr && answer->repeated &&
         answer->last_position > context.chain->repeats_max();
}

void break_chain(const RequestContext& context) {
  if (context.chain != nullptr) context.chain->break_off();
}

}  // namespace eventstore
