/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of blocks between two threads. */
#include "hub/hash-thread.h"

#define N_BLOCKS 4

struct _OsHubHashThread {
  OsHubHash *hash;
  GThread *thread; /* NULL without a hash */
  char *blocks[N_BLOCKS];
  gsize sizes[N_BLOCKS];
  GMutex lock;
  GCond changed;
  guint pushed; /* blocks so far */
  guint hashed;
  gboolean ended;
};

static gpointer
run (gpointer data)
{
  OsHubHashThread *self = data;

  g_mutex_lock (&self->lock);
  for (;;) {
    guint i = self->hashed % N_BLOCKS;

    while (self->hashed == self->pushed && !self->ended)
      g_cond_wait (&self->changed, &self->lock);
    if (self->hashed == self->pushed)
      break;
    g_mutex_unlock (&self->lock);
    os_hub_hash_update (self->hash, self->blocks[i], self->sizes[i]);
    g_mutex_lock (&self->lock);
    self->hashed++;
    g_cond_signal (&self->changed);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

OsHubHashThread *
os_hub_hash_thread_new (OsHubHash *hash)
{
  OsHubHashThread *self = g_new0 (OsHubHashThread, 1);

  self->hash = hash;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  for (guint i = 0; i < N_BLOCKS; i++)
    self->blocks[i] = g_malloc (OS_HUB_BLOCK);
  if (hash != NULL)
    self->thread = g_thread_new ("hub-hash", run, self);
  return self;
}

void
os_hub_hash_thread_free (OsHubHashThread *self)
{
  if (self->thread != NULL) {
    g_mutex_lock (&self->lock);
    self->ended = TRUE;
    g_cond_signal (&self->changed);
    g_mutex_unlock (&self->lock);
    g_thread_join (self->thread);
  }
  for (guint i = 0; i < N_BLOCKS; i++)
    g_free (self->blocks[i]);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  g_free (self);
}

char *
os_hub_hash_thread_get_block (OsHubHashThread *self)
{
  char *block;

  g_mutex_lock (&self->lock);
  while (self->pushed - self->hashed == N_BLOCKS)
    g_cond_wait (&self->changed, &self->lock);
  block = self->blocks[self->pushed % N_BLOCKS];
  g_mutex_unlock (&self->lock);
  return block;
}

void
os_hub_hash_thread_push (OsHubHashThread *self, gsize size)
{
  g_mutex_lock (&self->lock);
  self->sizes[self->pushed++ % N_BLOCKS] = size;
  if (self->thread == NULL)
    self->hashed = self->pushed;
  g_mutex_unlock (&self->lock);
  g_cond_signal (&self->changed);
}
