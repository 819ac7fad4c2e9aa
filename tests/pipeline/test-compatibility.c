/* SPDX-License-Identifier: Apache-2.0 */
/* Every published network in every place of Open-Sora 1.2, and parts of
 * networks. */
#include "pipeline/compatibility.h"

#include <opensora/opensora.h>
#include <string.h>

#include "manifesttest.h"

/* The networks that belong somewhere. */
static const char *const titles[] = {
  [OS_PART_TRANSFORMER] = "Open-Sora 1.2 transformer (STDiT3)",
  [OS_PART_VAE] = "Open-Sora 1.2 video autoencoder",
  [OS_PART_TEXT_ENCODER] = "T5 encoder",
};

static OsCheckpoint *
new_checkpoint (const char *const *names)
{
  OsCheckpoint *checkpoint = os_checkpoint_new ("/m/x.pth", "test");

  for (; *names != NULL; names++)
    os_checkpoint_add (checkpoint, *names,
        os_tensor_new_hollow (OS_DTYPE_F32, OS_SHAPE (1)), NULL);
  return checkpoint;
}

static gboolean
belongs_somewhere (const char *title)
{
  for (int part = 0; part < OS_N_PARTS; part++) {
    if (g_str_equal (title, titles[part]))
      return TRUE;
  }
  return FALSE;
}

static void
assert_report (const OsPlace *place, const char *title, const GError *error)
{
  const int code = belongs_somewhere (title) ? OPENSORA_ERROR_MISMATCH
                                             : OPENSORA_ERROR_UNSUPPORTED;
  g_autofree char *found =
      g_strdup_printf ("/m/x.pth is the %s, as in ", title);
  g_autofree char *fits = g_strdup_printf ("takes the %s: set it to %s",
      titles[place->part], place->release->repos[place->part]);

  g_assert_error (error, OPENSORA_ERROR, code);
  g_assert_nonnull (strstr (error->message, found));
  g_assert_nonnull (strstr (error->message, fits));
  g_assert_nonnull (strstr (error->message, place->property));
}

static void
test_in_all_places (const char *title, const char *const *names)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint (names);

  for (int part = 0; part < OS_N_PARTS; part++) {
    const OsPlace place = { os_release_find ("opensora-1.2"), part,
      os_part_get_property (part) };
    g_autoptr (GError) error = NULL;

    if (os_compatibility_check (&place, checkpoint, &error))
      g_assert_cmpstr (title, ==, titles[part]);
    else
      assert_report (&place, title, error);
    g_assert_true ((error == NULL) == g_str_equal (title, titles[part]));
  }
}

static void
test_published (void)
{
  g_assert_cmpuint (manifesttest_for_each (test_in_all_places), >, 0);
}

static char *
report (const char *const *names, OsPartKind part)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint (names);
  const OsPlace place = { os_release_find ("opensora-1.2"), part, "model" };
  g_autoptr (GError) error = NULL;

  g_assert_false (os_compatibility_check (&place, checkpoint, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  return g_strdup (error->message);
}

/* Half a network is not the network, and is called what it is. */
static void
test_halves (void)
{
  static const struct {
    OsPartKind part;
    const char *names[4];
    const char *title;
  } halves[] = {
    { OS_PART_VAE,
        { "temporal_vae.decoder.conv1.conv.weight",
            "temporal_vae.encoder.conv1.conv.weight" },
        "temporal half of the Open-Sora 1.2 video autoencoder" },
    { OS_PART_VAE,
        { "decoder.conv1.conv.weight",
            "decoder.res_blocks.0.conv1.conv.weight" },
        "temporal half of the Open-Sora 1.2 video autoencoder" },
    { OS_PART_VAE, { "spatial_vae.module.decoder.conv_in.weight" },
        "2-D half of the Open-Sora 1.2 video autoencoder" },
    { OS_PART_TEXT_ENCODER,
        { "shared.weight", "decoder.block.0.layer.0.SelfAttention.q.weight",
            "decoder.final_layer_norm.weight" },
        "T5 decoder" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++) {
    g_autofree char *text = report (halves[i].names, halves[i].part);

    g_assert_nonnull (strstr (text, halves[i].title));
    g_assert_nonnull (strstr (text, titles[halves[i].part]));
  }
}

static void
test_unknown (void)
{
  static const char *const names[] = { "a", "b.weight", "c", "d", NULL };
  g_autofree char *text = report (names, OS_PART_TRANSFORMER);
  g_autofree char *none = report (names + 4, OS_PART_VAE);

  g_assert_nonnull (strstr (
      text, "no network that is known (tensors: a, b.weight, c, ...), "));
  g_assert_nonnull (strstr (none, "(tensors: none)"));
}

/* Of repositories only the published ones are known. */
static void
test_repositories (void)
{
  const OsPlace place = { os_release_find ("opensora-1.2"), OS_PART_VAE,
    "vae" };
  g_autoptr (GError) error = NULL;

  g_assert_true (os_compatibility_check_repo (
      &place, "hpcai-tech/OpenSora-VAE-v1.2", &error));
  g_assert_true (os_compatibility_check_repo (&place, "org/tuned", &error));
  g_assert_no_error (error);
  g_assert_false (os_compatibility_check_repo (
      &place, "hpcai-tech/OpenSora-VAE-v1.3", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  g_assert_nonnull (
      strstr (error->message, "the Open-Sora 1.3 video autoencoder"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/compatibility/published", test_published);
  g_test_add_func ("/pipeline/compatibility/halves", test_halves);
  g_test_add_func ("/pipeline/compatibility/unknown", test_unknown);
  g_test_add_func ("/pipeline/compatibility/repositories", test_repositories);
  return g_test_run ();
}
