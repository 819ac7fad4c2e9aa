/* SPDX-License-Identifier: Apache-2.0 */
/* What opensorasrc says when something is to be known or has failed. */
#include "gstopensoramessages.h"

void
gst_opensora_post_demo_info (GstElement *element)
{
  static const char text[] =
      "No model is set: this is the small bundled demo model. For Open-Sora "
      "1.2 set model=opensora-1.2, which downloads it, or model=FOLDER, a "
      "folder with its weights.";

  /* gst-launch-1.0 prints the debug text only. */
  GST_ELEMENT_INFO (element, RESOURCE, SETTINGS, ("%s", text), ("%s", text));
}

void
gst_opensora_post_late_warning (GstElement *element, const char *property)
{
  GST_ELEMENT_WARNING (element, LIBRARY, SETTINGS,
      ("%s was set while the element runs; it is used from the next start on.",
          property),
      (NULL));
}

void
gst_opensora_post_cancelled (GstElement *element, guint clip)
{
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element),
                   gst_structure_new ("opensora-clip-cancelled", "clip",
                       G_TYPE_UINT, clip, NULL)));
}

static void
post_keys (GstElement *element, const char *const *keys, const char *what)
{
  g_autofree char *list = g_strjoinv (", ", (char **) keys);

  if (*keys != NULL)
    GST_ELEMENT_WARNING (
        element, LIBRARY, SETTINGS, ("config: %s: %s.", what, list), (NULL));
}

void
gst_opensora_post_config_warnings (GstElement *element, OpensoraConfig *config)
{
  post_keys (element, opensora_config_get_unknown_keys (config),
      "keys that Open-Sora does not know");
  post_keys (element, opensora_config_get_ignored_keys (config),
      "keys that have no effect here, though they have in Open-Sora");
}

static const struct {
  GQuark (*domain) (void);
  gint code;
  const char *hint;
} error_table[] = {
  [OPENSORA_ERROR_SETTINGS] = { gst_library_error_quark,
      GST_LIBRARY_ERROR_SETTINGS, "" },
  [OPENSORA_ERROR_NOT_FOUND] = { gst_resource_error_quark,
      GST_RESOURCE_ERROR_NOT_FOUND, "" },
  [OPENSORA_ERROR_READ] = { gst_resource_error_quark, GST_RESOURCE_ERROR_READ,
      " Check the permissions and the disk." },
  [OPENSORA_ERROR_FORMAT] = { gst_stream_error_quark, GST_STREAM_ERROR_DECODE,
      " The file may be damaged or incomplete: fetch it again." },
  [OPENSORA_ERROR_UNSUPPORTED] = { gst_stream_error_quark,
      GST_STREAM_ERROR_WRONG_TYPE, "" },
  [OPENSORA_ERROR_MISMATCH] = { gst_stream_error_quark, GST_STREAM_ERROR_FORMAT,
      "" },
  [OPENSORA_ERROR_MEMORY] = { gst_resource_error_quark,
      GST_RESOURCE_ERROR_FAILED, "" },
  [OPENSORA_ERROR_BACKEND] = { gst_library_error_quark, GST_LIBRARY_ERROR_INIT,
      " Set backend=auto." },
  [OPENSORA_ERROR_NUMERIC] = { gst_stream_error_quark, GST_STREAM_ERROR_FAILED,
      " The weights may be damaged." },
};

static const gint hub_error_codes[] = {
  [OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_GATED_REPO] = GST_RESOURCE_ERROR_NOT_AUTHORIZED,
  [OPENSORA_HUB_ERROR_UNAUTHORIZED] = GST_RESOURCE_ERROR_NOT_AUTHORIZED,
  [OPENSORA_HUB_ERROR_REVISION_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_INVALID_ARGUMENT] = GST_RESOURCE_ERROR_SETTINGS,
  [OPENSORA_HUB_ERROR_NETWORK] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_TLS] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_HTTP] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_INTEGRITY] = GST_RESOURCE_ERROR_READ,
  [OPENSORA_HUB_ERROR_NO_SPACE] = GST_RESOURCE_ERROR_NO_SPACE_LEFT,
  [OPENSORA_HUB_ERROR_IO] = GST_RESOURCE_ERROR_OPEN_WRITE,
};

void
gst_opensora_post_error (GstElement *element, const GError *error)
{
  GQuark domain = gst_resource_error_quark ();
  gint code = GST_RESOURCE_ERROR_FAILED;
  const char *hint = "";
  GstStructure *details = NULL;

  if (error->domain == OPENSORA_ERROR
      && (guint) error->code < G_N_ELEMENTS (error_table)) {
    domain = error_table[error->code].domain ();
    code = error_table[error->code].code;
    hint = error_table[error->code].hint;
  } else if (error->domain == OPENSORA_HUB_ERROR
             && (guint) error->code < G_N_ELEMENTS (hub_error_codes)) {
    code = hub_error_codes[error->code];
    details = gst_structure_new ("details", "hub-error", G_TYPE_STRING,
        opensora_hub_error_get_name (error->code), NULL);
  } else if (error->domain == GST_RESOURCE_ERROR
             || error->domain == GST_CORE_ERROR) {
    domain = error->domain;
    code = error->code;
  }
  gst_element_message_full_with_details (element, GST_MESSAGE_ERROR, domain,
      code, g_strconcat (error->message, ".", hint, NULL),
      g_strdup_printf (
          "%s, code %d", g_quark_to_string (error->domain), error->code),
      __FILE__, GST_FUNCTION, __LINE__, details);
}
