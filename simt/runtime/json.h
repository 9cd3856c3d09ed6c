// json.h: writes JSON.
#pragma once
#include <cstdint>
#include <string>

namespace simt {

std::string json_string(const std::string& text);  // in quotes, escaped

class Json {
 public:
  std::string text;

  Json& open(char bracket) {
    comma();
    text += bracket;
    first_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text += bracket;
    first_ = false;
    return *this;
  }
  Json& key(const char* name) {
    comma();
    text += json_string(name) + ":";
    first_ = true;
    return *this;
  }
  template <class T>
  Json& value(T number) {
    comma();
    text += std::to_string(number);
    return *this;
  }
  Json& string(const std::string& s) {
    comma();
    text += json_string(s);
    return *this;
  }
  Json& field(const char* name, uint64_t number) { return key(name).value(number); }
  Json& field(const char* name, const std::string& s) { return key(name).string(s); }

 private:
  void comma() {
    if (!first_) text += ',';
    first_ = false;
  }
  bool first_ = true;
};

}  // namespace simt
