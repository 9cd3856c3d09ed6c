// Defines one narrow type: all of this folder, for the SIMT_ names that are set.

#include "type.h"
//
#include "convert.h"
//
#include "arithmetic.h"
//
#include "compare.h"
//
#include "math.h"
//
#include "atomics.h"

#undef SIMT_EACH1
#undef SIMT_EACH2
#undef SIMT_EACH3
#undef SIMT_T
#undef SIMT_T2
#undef SIMT_RAW
#undef SIMT_RAW2
#undef SIMT_FORMAT
#undef SIMT_NAME
#undef SIMT_NAME2
