#include "eventstore/time.hpp"

#include <cstddef>
#include <cstdint>

#include "core/time_range.hpp"

namespace eventstore {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kMicrosPerDay = kSecondsPerDay * 1'000'000;

struct CivilDate {
  std::int64_t year;
  unsigned month;  // 1..12
  unsigned day;    // 1..31
};

// std::chrono's years end at 32767; a Timestamp reaches ten times as far. The algorithm counts in
// eras of 400 years, of which each has 146097 days, and in years that begin in March.
constexpr CivilDate civil_from_days(std::int64_t days_since_1970) {
  const std::int64_t days = days_since_1970 + 719468;  // since 0000-03-01
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::int64_t year = static_cast<std::int64_t>(year_of_era) + era * 400;
  return {.year = year + (month <= 2 ? 1 : 0), .month = month, .day = day};
}

void append_digits(std::string& out, std::uint64_t value, int width) {
  std::uint64_t divisor = 1;
  for (int digit = 1; digit < width; ++digit) divisor *= 10;
  for (; divisor > 0; divisor /= 10) out.push_back(static_cast<char>('0' + value / divisor % 10));
}

// Takes what it reads off the front of `text_`; after the first thing that is not there, ok() is
// false and stays so.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  unsigned digits(std::size_t count) {
    unsigned value = 0;
    if (text_.size() < count) return fail();
    for (std::size_t at = 0; at < count; ++at) {
      if (text_[at] < '0' || text_[at] > '9') return fail();
      value = value * 10 + static_cast<unsigned>(text_[at] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }

  // One of `choices`; '\0' where none is there.
  char one_of(std::string_view choices) {
    if (text_.empty() || !choices.contains(text_.front())) {
      fail();
      return '\0';
    }
    const char found = text_.front();
    text_.remove_prefix(1);
    return found;
  }

  // ".1" to ".123456789", in microseconds, what is finer cut off; 0 where there is no '.'.
  unsigned fraction() {
    if (text_.empty() || text_.front() != '.') return 0;
    text_.remove_prefix(1);
    std::size_t count = 0;
    unsigned microseconds = 0;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; ++count) {
      if (count < 6) microseconds = microseconds * 10 + static_cast<unsigned>(text_.front() - '0');
      text_.remove_prefix(1);
    }
    if (count == 0 || count > 9) return fail();
    for (std::size_t digit = count; digit < 6; ++digit) microseconds *= 10;
    return microseconds;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && text_.empty(); }

 private:
  unsigned fail() {
    ok_ = false;
    return 0;
  }

  std::string_view text_;
  bool ok_ = true;
};

// "Z" or "+01:30"; absent where there is neither.
std::optional<std::chrono::seconds> scan_offset(Scanner& scanner) {
  const char sign = scanner.one_of("Zz+-");
  if (!scanner.ok()) return std::nullopt;
  if (sign == 'Z' || sign == 'z') return std::chrono::seconds(0);
  const unsigned hours = scanner.digits(2);
  scanner.one_of(":");
  const unsigned minutes = scanner.digits(2);
  if (!scanner.ok() || hours > 23 || minutes > 59) return std::nullopt;
  const std::chrono::seconds offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return sign == '-' ? -offset : offset;
}

}  // namespace

std::string format_timestamp(Timestamp time) {
  // In plain numbers: std::chrono::floor overflows near the ends of what a Timestamp can be.
  const std::int64_t since_epoch = time.time_since_epoch().count();
  const std::int64_t rest = (since_epoch % kMicrosPerDay + kMicrosPerDay) % kMicrosPerDay;
  const std::int64_t days = since_epoch / kMicrosPerDay - (since_epoch % kMicrosPerDay < 0 ? 1 : 0);
  const CivilDate date = civil_from_days(days);
  const auto of_day = static_cast<std::uint64_t>(rest / 1'000'000);

  std::string text;
  text.reserve(32);
  if (date.year < 0) text.push_back('-');
  const auto year = static_cast<std::uint64_t>(date.year < 0 ? -date.year : date.year);
  append_digits(text, year, year > 9999 ? 6 : 4);
  append_digits(text += '-', date.month, 2);
  append_digits(text += '-', date.day, 2);
  append_digits(text += 'T', of_day / 3600, 2);
  append_digits(text += ':', of_day / 60 % 60, 2);
  append_digits(text += ':', of_day % 60, 2);
  append_digits(text += '.', static_cast<std::uint64_t>(rest % 1'000'000), 6);
  text.push_back('Z');
  return text;
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  Scanner scanner(text);
  const unsigned year = scanner.digits(4);
  scanner.one_of("-");
  const unsigned month = scanner.digits(2);
  scanner.one_of("-");
  const unsigned day = scanner.digits(2);
  scanner.one_of("Tt");
  const unsigned hour = scanner.digits(2);
  scanner.one_of(":");
  const unsigned minute = scanner.digits(2);
  scanner.one_of(":");
  const unsigned second = scanner.digits(2);
  const unsigned microseconds = scanner.fraction();
  const auto offset = scan_offset(scanner);
  if (!offset || !scanner.at_end()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto minute_utc = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                          std::chrono::minutes(minute) - *offset;
  // A leap second ends a day in UTC. It is given the number of the second after it, as by Unix
  // time.
  const bool last_minute = (minute_utc.time_since_epoch().count() + 60) % kSecondsPerDay == 0;
  if (second == 60 && !last_minute) return std::nullopt;

  const Timestamp time =
      minute_utc + std::chrono::seconds(second) + std::chrono::microseconds(microseconds);
  if (time < kTimestampMin || time > kTimestampMax) return std::nullopt;
  return time;
}

}  // namespace eventstore
