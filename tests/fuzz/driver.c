/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer: every file of the corpus, then for some
 * seconds mutations of them. It is not guided by coverage; it holds that what
 * fuzzing has found stays found, with any compiler. The mutations are the same
 * in every run.
 *
 *   fuzz-NAME SECONDS FOLDER... */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MAX_SIZE (64 << 10)
#define SEED 1

static void
read_folder (GPtrArray *corpus, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    char *data;
    gsize size;

    if (!g_file_get_contents (path, &data, &size, NULL))
      continue; /* a folder */
    if (size <= MAX_SIZE)
      g_ptr_array_add (corpus, g_bytes_new_take (data, size));
    else
      g_free (data);
  }
}

static int
compare_inputs (gconstpointer a, gconstpointer b)
{
  return g_bytes_compare (*(GBytes *const *) a, *(GBytes *const *) b);
}

static void
run (const GByteArray *input)
{
  /* Its own block of memory, whose end a sanitizer knows. */
  g_autofree guint8 *copy = g_memdup2 (input->data, input->len);

  LLVMFuzzerTestOneInput (copy, input->len);
}

static void
append (GByteArray *array, GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  if (size > 0)
    g_byte_array_append (array, data, size);
}

/* Part of `from` into `input`, at any place. */
static void
splice (GByteArray *input, GBytes *from, GRand *random)
{
  g_autoptr (GByteArray) result = g_byte_array_new ();
  gsize size = g_bytes_get_size (from);
  gsize first = g_rand_int_range (random, 0, size + 1);
  gsize length = g_rand_int_range (random, 0, 64);
  gsize n = MIN (length, size - first);
  guint at = g_rand_int_range (random, 0, input->len + 1);
  g_autoptr (GBytes) part = g_bytes_new_from_bytes (from, first, n);

  g_byte_array_append (result, input->data, at);
  append (result, part);
  g_byte_array_append (result, input->data + at, input->len - at);
  g_byte_array_set_size (input, 0);
  g_byte_array_append (input, result->data, result->len);
}

static void
mutate (GByteArray *input, GPtrArray *corpus, GRand *random)
{
  static const guint8 telling[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '{', '9' };
  guint at, n = g_rand_int_range (random, 1, 9);

  if (input->len == 0) {
    g_byte_array_append (input, telling, sizeof telling);
    return;
  }
  at = g_rand_int_range (random, 0, input->len);
  n = MIN (n, input->len - at);
  switch (g_rand_int_range (random, 0, 5)) {
    case 0:
      input->data[at] ^= 1 << g_rand_int_range (random, 0, 8);
      break;
    case 1:
      input->data[at] =
          telling[g_rand_int_range (random, 0, G_N_ELEMENTS (telling))];
      break;
    case 2:
      memset (input->data + at, g_rand_boolean (random) ? 0xff : 0, n);
      break;
    case 3:
      g_byte_array_remove_range (input, at, n);
      break;
    default:
      splice (input,
          g_ptr_array_index (corpus, g_rand_int_range (random, 0, corpus->len)),
          random);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) corpus =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);
  g_autoptr (GByteArray) input = g_byte_array_new ();
  gint64 end;
  guint n_mutations = 0;

  g_assert_cmpint (argc, >=, 3);
  for (int i = 2; i < argc; i++)
    read_folder (corpus, argv[i]);
  g_assert_cmpuint (corpus->len, >, 0);
  g_ptr_array_sort (corpus, compare_inputs);
  for (guint i = 0; i < corpus->len; i++) {
    g_byte_array_set_size (input, 0);
    append (input, g_ptr_array_index (corpus, i));
    run (input);
  }

  end = g_get_monotonic_time () + atoi (argv[1]) * G_USEC_PER_SEC;
  for (; g_get_monotonic_time () < end; n_mutations++) {
    guint seed = g_rand_int_range (random, 0, corpus->len);

    g_byte_array_set_size (input, 0);
    append (input, g_ptr_array_index (corpus, seed));
    for (int i = g_rand_int_range (random, 1, 5); i > 0; i--)
      mutate (input, corpus, random);
    run (input);
  }
  g_print ("%u inputs, %u mutations\n", corpus->len, n_mutations);
  return 0;
}
