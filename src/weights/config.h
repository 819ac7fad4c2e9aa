/* SPDX-License-Identifier: Apache-2.0 */
/* OsConfig: a config.json of a model, read with checks. Values that are missing
 * take the default of the reference class; values of the wrong type or out of
 * range are remembered and reported together by os_config_check(), with file
 * and key. */
#pragma once

#include <glib.h>

typedef struct _OsConfig OsConfig;

/* Errors: NOT_FOUND, READ, FORMAT (not a JSON object; with the line). */
OsConfig *os_config_load (const char *path, GError **error);
/* `origin` names the text in messages. */
OsConfig *os_config_parse (
    const char *json, gssize length, const char *origin, GError **error);
void os_config_free (OsConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsConfig, os_config_free)

const char *os_config_get_origin (const OsConfig *config);
gboolean os_config_has (const OsConfig *config, const char *key);

/* Keys from now on are those of the object at this path ("vae_2d.config");
 * NULL: of the whole file. */
void os_config_set_section (OsConfig *config, const char *section);

/* key may be a path, "vae_2d.config.layers_per_block". A JSON null counts as
 * missing. */
gint64 os_config_int (
    OsConfig *config, const char *key, gint64 fallback, gint64 min, gint64 max);
double os_config_double (
    OsConfig *config, const char *key, double fallback, double min, double max);
gboolean os_config_bool (OsConfig *config, const char *key, gboolean fallback);
/* Owned by config. */
const char *os_config_string (
    OsConfig *config, const char *key, const char *fallback);
/* Up to `max_n` integers into `out`; returns how many, 0 if missing. */
guint os_config_ints (OsConfig *config, const char *key, gint64 min, gint64 max,
    guint max_n, gint64 *out);
guint os_config_doubles (
    OsConfig *config, const char *key, guint max_n, double *out);
guint os_config_bools (
    OsConfig *config, const char *key, guint max_n, gboolean *out);

/* Adds a problem found by the caller: "key: message". */
void os_config_problem (OsConfig *config, const char *key, const char *format,
    ...) G_GNUC_PRINTF (3, 4);
/* FALSE and OPENSORA_ERROR_FORMAT if there was any problem. */
gboolean os_config_check (OsConfig *config, GError **error);
