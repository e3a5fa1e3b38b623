// --columns, --keep and --relation as the caller types them, and the column names that are known by
// themselves.
#include <algorithm>
#include <array>
#include <cmath>

#include "comm/check.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

constexpr std::array<std::string_view, 11> kUserNames = {
    "user",      "userid", "uid",        "customer", "customerid", "visitor",
    "visitorid", "member", "reviewerid", "memberid", "username"};
constexpr std::array<std::string_view, 21> kItemNames = {
    "item",   "itemid",   "iid",     "movie",     "movieid",    "product",   "productid",
    "asin",   "sku",      "article", "articleid", "book",       "bookid",    "isbn",
    "artist", "artistid", "track",   "trackid",   "businessid", "stockcode", "parentasin"};
constexpr std::array<std::string_view, 5> kRatingNames = {"rating", "ratings", "stars", "score",
                                                          "overall"};
constexpr std::array<std::string_view, 11> kTimeNames = {
    "time",           "timestamp",   "date",      "datetime",  "ts",         "unixtime",
    "unixreviewtime", "invoicedate", "eventtime", "createdat", "timestampms"};
constexpr std::array<std::string_view, 8> kWeightNames = {
    "weight", "count", "quantity", "playcount", "plays", "clicks", "numplays", "listencount"};
constexpr std::array<std::string_view, 7> kBehaviorNames = {
    "behavior", "behaviour", "behaviortype", "event", "eventtype", "action", "actiontype"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename T>
bool holds(Condition::Op op, const T& field, const T& value) {
  switch (op) {
    case Condition::Op::less:
      return field < value;
    case Condition::Op::less_equal:
      return field <= value;
    case Condition::Op::greater:
      return field > value;
    case Condition::Op::greater_equal:
      return field >= value;
    case Condition::Op::equal:
      return field == value;
    case Condition::Op::not_equal:
      return field != value;
  }
  return false;
}

}  // namespace

std::optional<Role> role_of_name(std::string_view name) {
  const std::string plain = plain_name(name);
  if (is_one_of(kUserNames, plain)) return Role::user;
  if (is_one_of(kItemNames, plain)) return Role::item;
  if (is_one_of(kRatingNames, plain)) return Role::rating;
  if (is_one_of(kTimeNames, plain)) return Role::time;
  if (is_one_of(kWeightNames, plain)) return Role::weight;
  if (is_one_of(kBehaviorNames, plain)) return Role::behavior;
  return std::nullopt;
}

Columns parse_columns(std::string_view text) {
  Columns columns;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view entry = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const std::size_t equals = entry.find('=');
    const std::string_view role = trimmed(entry.substr(0, equals));
    const auto known = std::find(kRoleNames.begin(), kRoleNames.end(), role);
    if (equals == std::string_view::npos || known == kRoleNames.end() ||
        trimmed(entry.substr(equals + 1)).empty()) {
      fail_usage(
          "--columns: {} is not ROLE=COLUMN; roles are user, item, rating, time, weight, behavior; "
          "a column is a name of the header or a number from 1",
          shown(entry));
    }
    std::string& column = columns[static_cast<std::size_t>(known - kRoleNames.begin())];
    if (!column.empty()) fail_usage("--columns: {} is given twice", role);
    column = trimmed(entry.substr(equals + 1));
  }
  return columns;
}

Condition parse_condition(std::string_view text, std::string_view option) {
  struct Spelling {
    std::string_view text;
    Condition::Op op;
  };
  constexpr std::array<Spelling, 7> kOps = {{{">=", Condition::Op::greater_equal},
                                             {"<=", Condition::Op::less_equal},
                                             {"==", Condition::Op::equal},
                                             {"!=", Condition::Op::not_equal},
                                             {">", Condition::Op::greater},
                                             {"<", Condition::Op::less},
                                             {"=", Condition::Op::equal}}};
  Condition rule;
  rule.text = text;
  const std::size_t at = text.find_first_of("<>=!");
  if (at != std::string_view::npos) {
    for (const Spelling& op : kOps) {
      if (!text.substr(at).starts_with(op.text)) continue;
      rule.op = op.op;
      rule.column = trimmed(text.substr(0, at));
      std::string_view value = trimmed(text.substr(at + op.text.size()));
      const bool in_quotes = value.size() >= 2 && value.front() == value.back() &&
                             (value.front() == '"' || value.front() == '\'');
      rule.value = in_quotes ? value.substr(1, value.size() - 2) : value;
      if (!in_quotes) rule.number = parse_number(rule.value);
      // "12e45678" is an id rather than a number that no field is above.
      if (rule.number && !std::isfinite(*rule.number)) rule.number.reset();
      // "<>" and "===" are no operators: what stands behind one begins no value.
      const bool is_operator = !value.empty() && value.find_first_of("<>=!") == 0;
      if (!rule.column.empty() && !value.empty() && !is_operator) return rule;
      break;
    }
  }
  fail_usage(
      "{}: {} is not COLUMN OP VALUE; operators are > >= < <= == !=; for example 'quantity>0'",
      option, shown(text));
}

RelationRule parse_relation_rule(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = trimmed(text.substr(0, colon));
  const auto is_bad = [](char c) { return c == ',' || static_cast<unsigned char>(c) < 0x20; };
  if (colon == std::string_view::npos || name.empty() || name.size() > 64 || !is_utf8(name) ||
      name == "none" || std::any_of(name.begin(), name.end(), is_bad)) {
    fail_usage(
        "--relation: {} is not 'NAME: COLUMN OP VALUE'; for example 'return: quantity<0' or "
        "'view: event==view'",
        shown(text));
  }
  return {std::string(name), parse_condition(text.substr(colon + 1), "--relation")};
}

bool Condition::accepts(std::string_view field) const {
  return holds(op, field, std::string_view(value));
}
bool Condition::accepts(double field) const {
  return holds(op, field, *number);
}

}  // namespace halorec
