// counter.c: counts the calls of GPT-2's layers, by their shapes, on their way to what computes
// them.
//
// A submission's functions of gpt.h are called through gelu, layernorm and linear below; torch's
// layers tell `count`. Python only reads the table: what a kv_cache.py does to Python's objects
// changes no number here.

enum { GELU, LAYERNORM, LINEAR, KINDS };
enum { MOST = 4096 };  // different calls; all others are counted in the last row

typedef struct {
  long long kind, a, b, c, calls;  // gelu, layernorm: rows, columns, 0; linear: m, n, k
} Row;

typedef void Gelu(float*, const float*, int, int, void*);
typedef void Layernorm(float*, const float*, const float*, const float*, float, int, int, void*);
typedef void Linear(float*, const float*, const float*, const float*, int, int, int, void*);

static Row table[MOST];
static int used;
static void* target[KINDS];

void count(int kind, int a, int b, int c) {
  // From the end: a decode step asks for what the one before it asked for.
  for (int i = used - 1; i >= 0; i--) {
    Row* row = &table[i];
    if (row->kind == kind && row->a == a && row->b == b && row->c == c) {
      row->calls++;
      return;
    }
  }
  if (used < MOST) used++;
  Row* row = &table[used - 1];
  row->kind = kind, row->a = a, row->b = b, row->c = c;
  row->calls++;
}

void set_target(int kind, void* function) { target[kind] = function; }

void gelu(float* out, const float* in, int rows, int cols, void* stream) {
  count(GELU, rows, cols, 0);
  ((Gelu*)target[GELU])(out, in, rows, cols, stream);
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int rows, int cols, void* stream) {
  count(LAYERNORM, rows, cols, 0);
  ((Layernorm*)target[LAYERNORM])(out, in, weight, bias, eps, rows, cols, stream);
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, void* stream) {
  count(LINEAR, m, n, k);
  ((Linear*)target[LINEAR])(out, in, weight, bias, m, n, k, stream);
}

// The rows so far, into `out`, which has room for MOST of them; then there are none.
int take(Row* out) {
  const int taken = used;
  for (int i = 0; i < used; i++) {
    out[i] = table[i];
    table[i] = (Row){0};
  }
  used = 0;
  return taken;
}
