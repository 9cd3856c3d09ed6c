#include "profile.h"
namespace simt {
__thread Profiler* profiler;
}
