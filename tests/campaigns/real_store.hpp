#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "campaigns/known_appends.hpp"

// Stores of real files, which other processes append to.
namespace eventstore::test {

// The words that start a process which appends to a store: `count` appends of each writer, going on
// where the ledger stands; 0: without end. It has the bug that is planted in this process.
std::vector<std::string> append_command(const std::filesystem::path& store,
                                        const AppendLedger& ledger, std::uint64_t count);

// How that process ends where it could not open the store.
inline constexpr int kChildAppendFailed = 3;
inline constexpr int kChildOpenFailed = 4;

// Opens the store for writing and holds it against the ledger.
void check_after(const char* what, const std::filesystem::path& store, AppendLedger& ledger);

// Whether system calls can be made to fail, or to kill, by strace.
bool has_strace();
// The words before a command that let `what` happen at its n-th call: "signal=SIGKILL",
// "error=EIO".
std::vector<std::string> with_strace(const std::string& call, const std::string& what,
                                     std::uint64_t nth, std::vector<std::string> command);

// Runs a command of the system; throws Violation where it fails.
void run_command(const std::vector<std::string>& words);

}  // namespace eventstore::test
