/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline and what is done to it, a line an action, as in scenarios of
 * gst-validate, which Debian 12 does not have:
 *
 *   state STATE           null, ready, paused or playing; not waited for
 *   set NAME=VALUE        a property of the element
 *   caps CAPS             what downstream takes from now on
 *   seek SECONDS [FLAG]…  flush, key-unit, segment; refused seeks are fine
 *   flush                 flush-start and flush-stop from downstream
 *   eos                   an EOS event to the pipeline
 *   cancel                the action signal
 *   reconfigure           downstream wants to negotiate again
 *   relink                the blocked source pad is unlinked and linked again
 *   query NAME            position, duration, seeking, latency or caps
 *   sleep MILLISECONDS
 *   wait-state            until the state is reached
 *   wait-frames N         until so many more frames have come to the sink
 *   wait-eos
 *   forget                frames that have come do not count
 *   check-clip            what has come is the clip of an undisturbed run
 *   check-frames N        so many frames have come
 *
 * An error message on the bus, and an action that does not end, fail the test,
 * which then tells the actions that led there. */
#pragma once

#include "gsttest.h"

typedef struct _Scenario Scenario;

/* properties: of the element, as for gst-launch. They make the clip that
 * check-clip compares with. */
Scenario *scenario_new (const char *properties);
void scenario_free (Scenario *self);

/* Does the action of a line, then looks at the bus. */
void scenario_do (Scenario *self, const char *line);

/* Has the stream ended since the state was set last? */
gboolean scenario_is_over (const Scenario *self);
/* And not on its way to or from there. */
gboolean scenario_is_playing (const Scenario *self);
GstElement *scenario_get_src (Scenario *self);
