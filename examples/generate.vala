/* SPDX-License-Identifier: Apache-2.0 */
/* The library from Vala: a prompt becomes one PPM picture a frame.
 *
 *   generate PROMPT [FOLDER [MODEL]]
 *
 * Build it with
 *   valac --pkg opensora-0.1 generate.vala */

int main (string[] args)
{
  if (args.length < 2) {
    stderr.printf ("Usage: generate PROMPT [FOLDER [MODEL]]\n");
    return 2;
  }
  var folder = args.length > 2 ? args[2] : ".";

  /* No model: the bundled one. No backend, no threads: the best, all cores. */
  var pipeline = new Opensora.Pipeline (
      args.length > 3 ? args[3] : null, null, 0);
  var params = new Opensora.Params ();
  params.prompt = args[1];
  params.seed = 42;

  Opensora.ProgressFunc show = (stage, done, total) => {
    print ("%s %s/%s\n", stage.get_name (), done.to_string (),
        total.to_string ());
  };
  try {
    pipeline.load (null, show);
    pipeline.generate (params, (rgb, width, height, index) => {
      var file = FileStream.open ("%s/frame-%04u.ppm".printf (folder, index),
          "wb");
      if (file == null)
        return false;
      file.printf ("P6\n%u %u\n255\n", width, height);
      return file.write (rgb.get_data ()) == rgb.get_size ()
          && file.flush () == 0;
    }, show);
  } catch (Error error) {
    stderr.printf ("generate: %s\n", error.message);
    return 1;
  }
  return 0;
}
