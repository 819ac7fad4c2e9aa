/* SPDX-License-Identifier: Apache-2.0 */
/* extern "C" around sentencepiece::SentencePieceProcessor. No exception leaves
 * this file. */
#include "text/sentencepiece-shim.h"

#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#include <sentencepiece_processor.h>

struct _OsSentencePiece {
  sentencepiece::SentencePieceProcessor processor;
};

extern "C" OsSentencePiece *
os_sentence_piece_new (const char *model, gsize length, char **message)
{
  try {
    auto self = std::make_unique<OsSentencePiece> ();
    auto status = self->processor.LoadFromSerializedProto (
        std::string_view (model, length));

    if (status.ok ())
      return self.release ();
    *message = g_strdup (status.ToString ().c_str ());
  } catch (const std::exception &failure) {
    *message = g_strdup (failure.what ());
  }
  return nullptr;
}

extern "C" void
os_sentence_piece_free (OsSentencePiece *self)
{
  delete self;
}

extern "C" guint
os_sentence_piece_size (const OsSentencePiece *self)
{
  return self->processor.GetPieceSize ();
}

extern "C" int
os_sentence_piece_find (const OsSentencePiece *self, const char *piece)
{
  return self->processor.PieceToId (piece);
}

extern "C" gboolean
os_sentence_piece_encode (
    const OsSentencePiece *self, const char *text, gsize length, GArray *ids)
{
  try {
    std::vector<int> pieces;

    if (!self->processor.Encode (std::string_view (text, length), &pieces)
             .ok ())
      return FALSE;
    for (gint32 id : pieces)
      g_array_append_val (ids, id);
    return TRUE;
  } catch (const std::exception &) {
    return FALSE;
  }
}
