// report.cpp: what went wrong, in words and as JSON (simt/report.py has the fields), and the
// error that CUDA would give from then on.
#include <dlfcn.h>
#include <execinfo.h>

#include <map>
#include <mutex>
#include <tuple>

#include "json.h"
#include "trace.h"

namespace simt {

static std::mutex reports_mutex;
static std::string last_report;  // JSON, or empty
struct Noted {
  std::string json;  // but for what follows here and the closing brace
  uint64_t count;
  bool problem = true;
};
// Never destroyed: reports are written when the program ends.
static auto& all_reports = *new std::vector<Noted>();
static auto& places = *new std::map<std::tuple<std::string, const void*, const void*>, int>();
static auto& launches_of = *new std::map<std::string, uint64_t>();  // that were launched: how often
static std::atomic<int> sticky{cudaSuccess};
static __thread cudaError_t last_error = cudaSuccess;

static auto& failed_one = *new FailedLaunch();

cudaError_t device_error() { return (cudaError_t)sticky.load(); }
cudaError_t sticky_error() {
  cudaError_t error = device_error();
  if (error) failed_one.told = true;
  return error;
}
void forget_errors() {
  sticky = cudaSuccess;
  last_error = cudaSuccess;
}
cudaError_t told(cudaError_t error) {
  if (error && traced_run()) trace_error_told();
  return error;
}
const FailedLaunch* failed_launch() { return failed_one.error ? &failed_one : nullptr; }
cudaError_t failed(cudaError_t error) { return last_error = error; }

// ---------------------------------------------------------------------------------- text

std::string where(const char* file, int line) {
  const char* slash = strrchr(file, '/');
  return std::string(slash ? slash + 1 : file) + ":" + std::to_string(line);
}

std::string thread_name(const Worker& w, int thread) {
  uint3 id = w.thread_ids[thread];
  char text[64];
  snprintf(text, sizeof text, "(%u,%u,%u)", id.x, id.y, id.z);
  return text;
}

std::string thread_ranges(const Worker& w, const std::vector<int>& those) {
  std::string out;
  int shown = 0;
  for (size_t i = 0, last; i < those.size(); i = last + 1) {
    for (last = i; last + 1 < those.size() && those[last + 1] == those[last] + 1;) last++;
    if (++shown > 8) return out + ", ...";
    out += (i ? ", " : "") + thread_name(w, those[i]);
    if (last > i) out += ".." + thread_name(w, those[last]);
  }
  return out;
}

std::string source_line(void* pc) {
  Dl_info info, here;  // what is not in the user's library or program has no line of the user's
  if (!dladdr(pc, &info) || !info.dli_fname) return "";
  if (dladdr((void*)source_line, &here) && info.dli_fbase != here.dli_fbase) return "";
  // A program that is not position independent keeps its absolute addresses.
  auto base = (uintptr_t)info.dli_fbase, address = (uintptr_t)pc;
  uintptr_t offset = base == 0x400000 ? address : address - base;
  char command[4352], frame[1024];
  snprintf(command, sizeof command,
           "addr2line -i -e '%s' %#lx 2>/dev/null || llvm-symbolizer -e '%s' %#lx 2>/dev/null",
           info.dli_fname, (unsigned long)offset, info.dli_fname, (unsigned long)offset);
  std::string found;
  FILE* pipe = popen(command, "r");
  // From the innermost inlined function outwards: the first line that is the user's.
  while (pipe && fgets(frame, sizeof frame, pipe)) {
    std::string text(frame, strcspn(frame, " \n"));
    size_t colon = text.rfind(':');
    bool ours = false;
    for (const char* part : {"/simt/include/", "/simt/runtime/", "/include/c++/"})
      ours |= text.find(part) != text.npos;
    if (!found.empty() || ours || colon == text.npos || text[0] == '?' || !isdigit(text[colon + 1]))
      continue;
    found = text.substr(text.rfind('/') + 1);
  }
  if (pipe) pclose(pipe);
  return found;
}

std::string first_line(void* const* frames, int count) {
  for (int i = 0; i < count && frames[i]; i++) {
    std::string line = source_line((char*)frames[i] - 1);
    if (!line.empty()) return line;
  }
  return "";
}

std::string calling_line() {
  void* frames[32];
  return first_line(frames, backtrace(frames, 32));
}

// -------------------------------------------------------------------------------- reports

constexpr size_t kMaxReports = 1000;

static std::string json_of(const Worker* w, const Report& r) {
  std::string out =
      std::string("{\"kind\":") + json_string(r.kind) + ",\"error\":" + std::to_string(r.error);
  if (w && w->job) {
    const Launch& launch = w->job->launch;
    out += ",\"kernel\":" + json_string(launch.name) + ",\"file\":" + json_string(launch.file) +
           ",\"line\":" + std::to_string(launch.line) + ",\"block\":[" +
           std::to_string(blockIdx.x) + "," + std::to_string(blockIdx.y) + "," +
           std::to_string(blockIdx.z) + "]";
  }
  out += ",\"threads\":" + json_string(r.threads) + ",\"at\":" + json_string(r.at) +
         ",\"message\":" + json_string(r.message) + ",\"details\":[";
  for (size_t i = 0; i < r.details.size(); i++) out += (i ? "," : "") + json_string(r.details[i]);
  return out + "],\"among\":" + json_string(r.among);
}

static std::string json_of_all() {
  std::string out = "{\"kernels\":{";
  for (auto& [name, launches] : launches_of)
    out += (out.back() == '{' ? "" : ",") + json_string(name) + ":" + std::to_string(launches);
  out += "},\n\"reports\":[";
  for (const Noted& one : all_reports)
    if (!one.json.empty())  // else it is being made
      out += (out.back() == '[' ? "\n" : ",\n") + one.json +
             ",\"count\":" + std::to_string(one.count) +
             ",\"problem\":" + (one.problem ? "true}" : "false}");
  return out + "]}\n";
}

// $SIMT_REPORT is "stderr", the path of a file for the JSON of all reports, or not set.
static void print(const Worker* w, const Report& r) {
  const char* where_to = getenv("SIMT_REPORT");
  if (!where_to) return;
  if (strcmp(where_to, "stderr") != 0) return save_reports();
  fprintf(stderr, "simt: %s\n", r.message.c_str());
  if (w && w->job)
    fprintf(stderr, "  in kernel %s, launched at %s; block (%u,%u,%u), thread %s\n",
            w->job->launch.name, where(w->job->launch.file, w->job->launch.line).c_str(),
            blockIdx.x, blockIdx.y, blockIdx.z, r.threads.c_str());
  for (const std::string& detail : r.details) fprintf(stderr, "  %s\n", detail.c_str());
}

void count_launch(const char* kernel) {
  std::lock_guard<std::mutex> lock(reports_mutex);
  launches_of[kernel]++;
}

void save_reports() {
  const char* path = getenv("SIMT_REPORT");
  if (!path || !strcmp(path, "stderr")) return;
  std::string text = json_of_all();
  if (FILE* file = fopen(path, "w")) {
    fwrite(text.data(), 1, text.size(), file);
    fclose(file);
  }
}

void report(Worker& w, const Report& r) {
  std::lock_guard<std::mutex> lock(reports_mutex);
  w.job->stop = true;
  int none = cudaSuccess;
  if (!sticky.compare_exchange_strong(none, r.error)) return;  // another worker was first
  const Launch& launch = w.job->launch;
  failed_one.kernel = launch.name, failed_one.file = launch.file, failed_one.line = launch.line;
  failed_one.error = r.error, failed_one.told = false;
  std::string json = json_of(&w, r);
  last_report = json + "}";
  all_reports.push_back({json, 1});
  print(&w, r);
}

int place_of_report(const char* kind, const void* pc, const void* other_pc) {
  std::lock_guard<std::mutex> lock(reports_mutex);
  auto found = places.find({kind, pc, other_pc});
  if (found != places.end()) {
    all_reports[found->second].count++;
    return -1;
  }
  if (all_reports.size() >= kMaxReports) return -1;
  int place = (int)all_reports.size();
  places[{kind, pc, other_pc}] = place;
  all_reports.push_back({"", 1});
  return place;
}

void note_at(int place, const Worker* w, const Report& r) {
  std::string json = json_of(w, r);
  std::lock_guard<std::mutex> lock(reports_mutex);
  all_reports[place].json = json;
  print(w, r);
}

void excuse(const char* kind, const void* pc, const void* other_pc) {
  std::lock_guard<std::mutex> lock(reports_mutex);
  auto found = places.find({kind, pc, other_pc});
  if (found == places.end()) return;
  all_reports[found->second].problem = false;
  save_reports();
}

// Nobody can go on. Who waits where, and who returned, tells what is missing.
void report_deadlock(Worker& w) {
  std::map<std::tuple<std::string, std::string, bool>, std::vector<int>> waiting;
  std::vector<int> returned;
  for (int t = 0; t < w.num_threads; t++) {
    const Thread& thread = w.threads[t];
    if (w.states[t] == State::Returned) {
      returned.push_back(t);
    } else {
      bool in_warp = w.states[t] == State::InWarp;
      waiting[{where(thread.file, thread.line), thread.waits_in, in_warp}].push_back(t);
    }
  }
  std::vector<std::string> details;
  bool any_in_warp = false;
  std::string first_place, first_call;
  std::vector<int> all_waiting;
  for (auto& [key, threads] : waiting) {
    auto& [place, call, in_warp] = key;
    if (first_place.empty() || (in_warp && !any_in_warp)) first_place = place, first_call = call;
    any_in_warp |= in_warp;
    details.push_back(std::to_string(threads.size()) + " threads wait in " + call + "() at " +
                      place + ": " + thread_ranges(w, threads));
    all_waiting.insert(all_waiting.end(), threads.begin(), threads.end());
  }
  if (!returned.empty())
    details.push_back(std::to_string(returned.size()) +
                      " threads have returned: " + thread_ranges(w, returned));

  const char* kind = "barrier_divergence";
  std::string message;
  if (any_in_warp) {
    kind = "warp_divergence";
    message = first_call + "() at " + first_place +
              " waits for lanes that never come: every lane that its mask names must reach it";
  } else if (waiting.size() > 1) {
    message =
        "threads of one block wait at different barriers: every thread must reach the same one, so "
        "a barrier may stand in a branch only if the whole block takes that branch";
  } else {
    message = "the " + first_call + "() at " + first_place +
              " waits for threads that have returned without reaching it: they left early or took "
              "another branch, but a barrier needs every thread of the block";
  }
  std::sort(all_waiting.begin(), all_waiting.end());
  report(w, {kind, cudaErrorLaunchTimeout, thread_ranges(w, all_waiting), message, details});
}

}  // namespace simt

// ------------------------------------------------------------------------------ the C side

cudaError_t cudaPeekAtLastError() {
  cudaError_t error = simt::sticky_error();
  return simt::told(error ? error : simt::last_error);
}
cudaError_t cudaGetLastError() {
  cudaError_t error = cudaPeekAtLastError();
  simt::last_error = cudaSuccess;  // a sticky error stays
  return error;
}
const char* simt_reports() {
  static std::string text;
  std::lock_guard<std::mutex> lock(simt::reports_mutex);
  text = simt::json_of_all();
  return text.c_str();
}
const char* simt_last_report() {
  std::lock_guard<std::mutex> lock(simt::reports_mutex);
  return simt::last_report.empty() ? nullptr : simt::last_report.c_str();
}
void simt_clear() {
  std::lock_guard<std::mutex> lock(simt::reports_mutex);
  simt::last_report.clear();
  simt::all_reports.clear();
  simt::places.clear();
  simt::launches_of.clear();
  simt::forget_errors();
}
