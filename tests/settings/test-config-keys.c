/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys are known, and which have no effect. */
#include "settings/config-keys.h"

typedef char **(*Find) (JsonObject *config);

static void
assert_keys (Find find, const char *json, const char *wanted)
{
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  g_auto (GStrv) keys = find (json_node_get_object (node));
  g_autofree char *found = g_strjoinv (" ", keys);

  g_test_message ("%s", json);
  g_assert_cmpstr (found, ==, wanted);
}

static void
test_unknown (void)
{
  assert_keys (os_config_keys_unknown, "{}", "");
  assert_keys (os_config_keys_unknown,
      "{\"resolution\":1,\"save_dir\":1,\"model\":{\"type\":1,\"qk_norm\":1},"
      "\"plugin_config\":{\"any\":1},\"sampling_option\":{\"shift\":1}}",
      "");
  assert_keys (os_config_keys_unknown,
      "{\"zebra\":1,\"resolutoin\":1,\"model\":{\"qk_nrom\":1,\"type\":1},"
      "\"vae\":1,\"scheduler\":{\"cfg\":1},\"sampling_option\":{\"seeds\":1},"
      "\"num_sampling_steps\":1}",
      "zebra resolutoin model.qk_nrom scheduler.cfg sampling_option.seeds "
      "num_sampling_steps");
}

static void
test_ignored (void)
{
  assert_keys (os_config_keys_ignored, "{\"save_dir\":\"x\"}", "");
  assert_keys (os_config_keys_ignored,
      "{\"llm_refine\":false,\"watermark\":null,\"cond_type\":\"t2v\","
      "\"prompt_refine\":\"\",\"model\":{\"type\":\"STDiT-XL/2\"},"
      "\"scheduler\":{\"use_discrete_timesteps\":false}}",
      "");
  assert_keys (os_config_keys_ignored,
      "{\"watermark\":true,\"llm_refine\":1,\"cond_type\":\"i2v_head\","
      "\"neg_prompt\":[\"a\"],\"scheduler\":{\"use_discrete_timesteps\":true}}",
      "llm_refine neg_prompt cond_type watermark "
      "scheduler.use_discrete_timesteps");
}

static void
test_transform (void)
{
  assert_keys (os_config_keys_ignored,
      "{\"model\":{\"type\":\"STDiT3-XL/2\"},"
      "\"scheduler\":{\"use_timestep_transform\":true}}",
      "");
  assert_keys (os_config_keys_ignored,
      "{\"model\":{\"type\":\"STDiT3-XL/2\"},"
      "\"scheduler\":{\"use_timestep_transform\":false}}",
      "scheduler.use_timestep_transform");
  assert_keys (os_config_keys_ignored,
      "{\"model\":{\"type\":\"STDiT3-XL/2\"},\"scheduler\":{}}",
      "scheduler.use_timestep_transform");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/config-keys/unknown", test_unknown);
  g_test_add_func ("/settings/config-keys/ignored", test_ignored);
  g_test_add_func ("/settings/config-keys/transform", test_transform);
  return g_test_run ();
}
