// What every HDF5 call goes through: a handle that closes itself, and a checked return code whose
// Error carries HDF5's own reason. For hdf5_file.cpp and hdf5_matrix.cpp alone.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "comm/check.hpp"

namespace halorec {

// An HDF5 identifier and the function that closes it.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*closer)(hid_t)) : id_(id), close_(closer) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      close();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
      close_ = other.close_;
    }
    return *this;
  }
  ~Handle() { close(); }
  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  // Negative when HDF5 could not finish what the handle stood for.
  herr_t close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id >= 0 ? close_(id) : 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  herr_t (*close_)(hid_t) = nullptr;
};

// The innermost message of HDF5's error stack: "unable to open file (H5FD_sec2_open)".
inline std::string hdf5_reason() {
  std::string text;
  const auto visit = [](unsigned, const H5E_error2_t* entry, void* into) -> herr_t {
    if (entry->desc != nullptr) {
      *static_cast<std::string*>(into) = fmt::format("{} ({})", entry->desc, entry->func_name);
    }
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, visit, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "HDF5 gives no reason" : text;
}

// Every return code of HDF5 comes through here: negative is an Error.
template <typename Code>
Code check_hdf5(Code code, const std::filesystem::path& path, std::string_view what) {
  if (code < 0) fail("{}: HDF5 cannot {}: {}", path.string(), what, hdf5_reason());
  return code;
}

}  // namespace halorec
