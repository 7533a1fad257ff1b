#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#ifdef EVENTSTORE_CAMPAIGN_HOOKS
#include <atomic>
#endif

// Where the campaigns look into the engine, and break it on purpose. Only their own copies of
// the sources have the hooks (EVENTSTORE_CAMPAIGN_HOOKS), and what AddressSanitizer tests;
// elsewhere they are constants and empty functions, of which nothing is compiled.
namespace eventstore {

// A bug to plant, so that a campaign can show that it would notice.
enum class Plant : std::uint8_t {
  None,
  AnswerBeforeSync,      // a commit is answered without a sync
  SkipDirectorySync,     // names are not made durable
  SkipSyncOnRoll,        // the old segment is not synced when it is sealed
  RetryFailedSync,       // a sync that failed is tried again, and its success believed
  NoBodyChecksum,        // checksums of events and of frames' bodies are not looked at
  LengthsNotCovered,     // checksums of events leave out the lengths
  ChecksumsNotSeeded,    // checksums do not depend on the store and the segment
  CutAtFirstBadFrame,    // valid frames behind a bad one are not looked for
  VisibleBeforeDurable,  // the head is published before the sync
  NoBusErrorGuard,       // an access to a mapping that fails ends the process
  RecordLock,            // a POSIX record lock in place of flock
  VerifySkipsASegment,   // verification leaves out the last segment but one
  UnlinkBeforeManifest,  // scavenging removes the old files before the manifest lists the new ones
  ScavengeLosesAnEvent,  // the last event of a rewritten segment is left out, and not missed
  PlainSequence,         // positions come from a sequence, without a lock
  PositionBeforeLock,    // a position is drawn before the lock is there
  LostAnswerIsFailure,   // a client takes an append whose answer was lost for one that failed
  RetryWithOtherIds,     // a client makes an append whose answer was lost once more, as a new one
  RetainsOneMore,        // in PostgreSQL, max count is one more than was asked for
  MaxAgeIgnored,         // in PostgreSQL, no event is too old
  FirstMonthLeftOut,     // in PostgreSQL, backwards the first month is not read
  VersionNotTold,        // in PostgreSQL, a version conflict does not tell the actual version
  DeletedIsShown,        // in the embedded engine, what is truncated is not left out
  ChainGoesOn,           // in the embedded engine, a failure does not end a chain
  CheckpointFirst,       // a projection's checkpoint is committed before what belongs to it
  FenceIgnored,          // a projection commits whoever has its place by now
  SwitchTooEarly,        // a rebuild takes a projection's place before it has come as far
};
inline constexpr std::array<std::string_view, 28> kPlantNames = {
    "none",
    "answer_before_sync",
    "skip_directory_sync",
    "skip_sync_on_roll",
    "retry_failed_sync",
    "no_body_checksum",
    "lengths_not_covered",
    "checksums_not_seeded",
    "cut_at_first_bad_frame",
    "visible_before_durable",
    "no_bus_error_guard",
    "record_lock",
    "verify_skips_a_segment",
    "unlink_before_manifest",
    "scavenge_loses_an_event",
    "plain_sequence",
    "position_before_lock",
    "lost_answer_is_failure",
    "retry_with_other_ids",
    "retains_one_more",
    "max_age_ignored",
    "first_month_left_out",
    "version_not_told",
    "deleted_is_shown",
    "chain_goes_on",
    "checkpoint_first",
    "fence_ignored",
    "switch_too_early",
};

// A branch that is rarely taken, to be counted: a campaign that never takes it proves nothing
// about it.
enum class Mark : std::uint8_t {
  Rolled,
  RollWithoutRoom,  // no room for the next segment's file
  RollTakenBack,    // no room for the manifest: the seal was taken back
  FrameTakenBack,   // no room for a frame, which was written in part
  NoRoomForZeros,   // but maybe for the frame
  WriteFailed,      // and the log takes no more
  SyncFailed,       // and the log takes no more
  Digested,
  DigestFailed,  // and is tried again later
  WrotePostingFile,
  MergedPostingFiles,
  PostingFileFailed,        // and is tried again later
  RecoveredTornTail,        // what was left of an unacknowledged append was cut off
  RecoveredInsideRoll,      // the last segment listed was sealed
  RecoveredHeadFile,        // HEAD was lost, or cut short
  RecoveredCreation,        // what an interrupted creation left was made into a store
  RemovedLeftover,          // a file that no manifest lists
  RebuiltPostingFile,       // it was damaged, or named what the log does not have
  RemovedPostingFile,       // another one has what it has
  ScrubbedAll,              // a pass of the background check ended
  FollowedWithoutWriter,    // a reader scanned what no writer has confirmed since the boot
  FollowedIntoNextSegment,  // a reader followed a roll
  RepeatedAppend,
  ScavengedUnit,         // segments were rewritten
  ScavengeGaveUp,        // what was made for a unit was made for nothing
  RemovedOtherRevision,  // what a scavenge that was cut short had left
  FollowedRewriting,     // a reader found that segments were rewritten
};
inline constexpr std::array<std::string_view, 27> kMarkNames = {
    "rolled",
    "roll_without_room",
    "roll_taken_back",
    "frame_taken_back",
    "no_room_for_zeros",
    "write_failed",
    "sync_failed",
    "digested",
    "digest_failed",
    "wrote_posting_file",
    "merged_posting_files",
    "posting_file_failed",
    "recovered_torn_tail",
    "recovered_inside_roll",
    "recovered_head_file",
    "recovered_creation",
    "removed_leftover",
    "rebuilt_posting_file",
    "removed_posting_file",
    "scrubbed_all",
    "followed_without_writer",
    "followed_into_next_segment",
    "repeated_append",
    "scavenged_unit",
    "scavenge_gave_up",
    "removed_other_revision",
    "followed_rewriting",
};

#ifdef EVENTSTORE_CAMPAIGN_HOOKS

struct CampaignHooks {
  Plant plant = Plant::None;  // set before a store is opened
  std::array<std::atomic<std::uint64_t>, kMarkNames.size()> marks{};
};
inline CampaignHooks campaign_hooks;

inline bool is_planted(Plant plant) {
  return campaign_hooks.plant == plant;
}
inline void note(Mark mark) {
  campaign_hooks.marks[static_cast<std::size_t>(mark)].fetch_add(1, std::memory_order_relaxed);
}

#else

constexpr bool is_planted(Plant /*plant*/) {
  return false;
}
constexpr void note(Mark /*mark*/) {}

#endif

}  // namespace eventstore
