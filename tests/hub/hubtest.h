/* SPDX-License-Identifier: Apache-2.0 */
/* A hub of the test's own (mock_hub.py) and an empty cache for every test. */
#pragma once

#include <gio/gio.h>
#include <opensora/opensora.h>

typedef struct {
  char *folder; /* of this test */
  char *cache;
  OpensoraHub *hub;
} HubTest;

/* Starts the server with the repository org/m and cleans the environment; FALSE
 * if there is no Python. options: NULL-terminated. */
gboolean hub_test_start (const char *const *options);
void hub_test_stop (void);
/* What main() returns without the programs that the test needs. */
int hub_test_skip (void);

void hub_test_set_up (HubTest *test, gconstpointer data);
void hub_test_tear_down (HubTest *test, gconstpointer data);

/* The addresses: "hub", "cdn" or "ca_file". */
const char *hub_test_address (const char *name);
/* The commit of org/m's main. */
char *hub_test_commit (void);
/* One rule; the quotes in it are single ones. */
void hub_test_fault (const char *rule);
void hub_test_config (const char *config);
void hub_test_change_file (const char *change);
/* Requests so far of an origin (NULL: all) and method (NULL: all). */
guint hub_test_count (const char *origin, const char *method);
void hub_test_forget_log (void);
/* Does a request to this origin carry the token? */
gboolean hub_test_saw_token (const char *origin);

/* Asserts that path holds the bytes of that file in org/m. */
void hub_test_assert_content (const char *path, const char *file);
/* Files below the cache folder whose names end so. */
guint hub_test_count_files (HubTest *test, const char *suffix);
void hub_test_empty_cache (HubTest *test);
char *hub_test_download (HubTest *test, const char *file, GError **error);
