#include "report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness.hpp"

namespace eventstore::bench {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Characters, not bytes.
std::size_t width_of(std::string_view text) {
  constexpr unsigned char kContinuation = 0x80;  // the first two bits of a later byte: 10
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != kContinuation; }));
}

// Cells of a column are equally wide, so that the text can be read as it is.
std::string table_of(const Rows& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 3);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto add_row = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += "| " + row[i] + std::string(widths[i] - width_of(row[i]) + 1, ' ');
    }
    text += "|\n";
  };
  add_row(rows.front());
  std::vector<std::string> rule;
  rule.reserve(widths.size());
  for (const auto width : widths) rule.emplace_back(width, '-');
  add_row(rule);
  for (const auto& row : std::span(rows).subspan(1)) add_row(row);
  return text;
}

// Three digits that count, and thousands set apart.
std::string number_text(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  auto text = fmt::format("{:.0f}", value);
  for (auto at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string summary_text(const Summary& summary) {
  if (summary.min == summary.max) return number_text(summary.median);
  return fmt::format("{} ({}–{})", number_text(summary.median), number_text(summary.min),
                     number_text(summary.max));
}

template <typename Field>
std::vector<std::string> distinct(std::span<const Measure* const> measures, Field field) {
  std::vector<std::string> values;
  for (const auto* const measure : measures) {
    const auto& value = measure->name.*field;
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  return values;
}

// How many times as fast as `other` the engine is; empty for the engine itself.
std::string speed_text(const Results& results, const Measure& other) {
  auto name = other.name;
  name.candidate = kEngineName;
  const auto* const engine = results.find(name);
  if (engine == nullptr || engine == &other) return {};
  const auto values = other.is_better_when_greater() ? ratios(engine->rounds, other.rounds)
                                                     : ratios(other.rounds, engine->rounds);
  return summary_text(summarize(values));
}

nlohmann::ordered_json summary_json(const Summary& summary) {
  return {{"median", summary.median}, {"min", summary.min}, {"max", summary.max}};
}

nlohmann::ordered_json verdict_json(const Verdict& verdict) {
  const bool at_most = verdict.target.bound == Target::Bound::AtMost;
  return {{"workload", verdict.target.of.workload},
          {"what", verdict.target.what},
          {"unit", verdict.target.unit},
          {"found", summary_json(verdict.found)},
          {at_most ? "at_most" : "at_least", verdict.target.limit},
          {"reached", verdict.reached}};
}

void write_file(const std::string& path, const std::string& text) {
  auto* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) fail_with_errno("open " + path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) fail_with_errno("write " + path);
}

}  // namespace

std::vector<std::string> settings_of(const Results& results, std::string_view workload) {
  std::vector<const Measure*> measures;
  for (const auto& measure : results.measures()) {
    if (measure.name.workload == workload) measures.push_back(&measure);
  }
  return distinct(measures, &MeasureName::setting);
}

std::string measures_table(const Results& results, const std::string& workload,
                           const std::string& setting) {
  std::vector<const Measure*> measures;
  for (const auto& measure : results.measures()) {
    if (measure.name.workload == workload && measure.name.setting == setting) {
      measures.push_back(&measure);
    }
  }
  const auto candidates = distinct(measures, &MeasureName::candidate);
  const auto quantities = distinct(measures, &MeasureName::quantity);

  Rows rows(1);
  rows[0].push_back(setting);
  for (const auto& quantity : quantities) {
    const auto of = std::ranges::find_if(
        measures, [&](const auto* measure) { return measure->name.quantity == quantity; });
    rows[0].push_back(fmt::format("{}, {}", quantity, (*of)->unit));
  }
  rows[0].push_back(fmt::format("event-store is better ({}), times", quantities.front()));
  for (const auto& candidate : candidates) {
    auto& row = rows.emplace_back(1, candidate);
    for (const auto& quantity : quantities) {
      const auto* const measure = results.find({workload, setting, candidate, quantity});
      row.push_back(measure != nullptr ? summary_text(summarize(measure->rounds)) : "");
    }
    const auto* const first = results.find({workload, setting, candidate, quantities.front()});
    row.push_back(first != nullptr ? speed_text(results, *first) : "");
  }
  if (std::ranges::all_of(rows.begin() + 1, rows.end(),
                          [](auto& row) { return row.back().empty(); })) {
    for (auto& row : rows) row.pop_back();
  }
  return table_of(rows);
}

std::string targets_table(const std::vector<Verdict>& verdicts) {
  Rows rows = {{"", "target", "asked", "found", "reached"}};
  for (const auto& verdict : verdicts) {
    const auto& target = verdict.target;
    rows.push_back({target.of.workload, target.what,
                    fmt::format("{} {} {}", target.bound == Target::Bound::AtMost ? "<=" : ">=",
                                number_text(target.limit), target.unit),
                    summary_text(verdict.found), verdict.reached ? "yes" : "**no**"});
  }
  return table_of(rows);
}

std::string to_json(const Run& run) {
  nlohmann::ordered_json json;
  json["machine"] = {{"processor", run.machine.processor},
                     {"cores", run.machine.cores},
                     {"memory_bytes", run.machine.memory_bytes},
                     {"kernel", run.machine.kernel},
                     {"file_system", run.machine.file_system}};
  json["date"] = run.machine.date;
  json["commit"] = run.machine.commit;
  json["scale"] = run.scale_name;
  json["rounds"] = run.rounds;
  if (run.seed) json["seed"] = *run.seed;
  if (!run.server.empty()) json["server"] = run.server;
  json["load_average"] = {{"at_start", run.load_at_start}, {"at_end", run.load_at_end}};
  json["seconds"] = run.seconds;
  json["targets"] = nlohmann::ordered_json::array();
  for (const auto& verdict : run.verdicts) json["targets"].push_back(verdict_json(verdict));
  json["results"] = nlohmann::ordered_json::array();
  for (const auto& measure : run.results.measures()) {
    json["results"].push_back({{"workload", measure.name.workload},
                               {"setting", measure.name.setting},
                               {"candidate", measure.name.candidate},
                               {"quantity", measure.name.quantity},
                               {"unit", measure.unit},
                               {"summary", summary_json(summarize(measure.rounds))},
                               {"rounds", measure.rounds}});
  }
  return json.dump(1) + "\n";
}

void print_results(const Results& results, std::string_view workload) {
  for (const auto& setting : settings_of(results, workload)) {
    fmt::print("\n{}", measures_table(results, std::string(workload), setting));
  }
  std::fflush(stdout);
}

void write_run(const Run& run, const PageTexts& texts, const RunFiles& files) {
  if (!files.json.empty()) write_file(files.json, to_json(run));
  if (!files.markdown.empty()) write_file(files.markdown, to_markdown(run, texts));
}

}  // namespace eventstore::bench
