/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizer, memory, text encoder. */
#include "pipeline/encode.h"

OsTensor *
os_encode_text (OsBundle *bundle, OsCompute *compute, const char *text)
{
  g_autoptr (GArray) tokens =
      os_t5_tokenizer_encode (bundle->tokenizer, text, -1, bundle->max_length);
  const gint32 *ids = (const gint32 *) tokens->data;
  OsTensor *states = os_embedding_cache_lookup (
      bundle->text_states, compute, ids, tokens->len);
  g_autoptr (OsTensor) batch = NULL;

  if (states != NULL)
    return states;
  batch =
      os_t5_encode (bundle->text_encoder, compute, ids, NULL, 1, tokens->len);
  states = os_tensor_select (batch, 0, 0);
  os_embedding_cache_store (
      bundle->text_states, compute, ids, tokens->len, states);
  return states;
}
