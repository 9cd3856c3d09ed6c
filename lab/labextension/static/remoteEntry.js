// CUDA C++ for JupyterLab's editor: .cu and .cuh are C++ to CodeMirror.
//
// Written by hand as the container that JupyterLab loads a prebuilt extension from (webpack's
// module federation): init(scope) hands over JupyterLab's own packages, get(name) gives a module.
// So nothing has to be built, and nothing comes from a network.
(() => {
  let shared;

  /** JupyterLab's own copy of a package: there is exactly one. */
  const jupyterlab = async (name) => (await Object.values(shared[name])[0].get())();

  const activate = (app, languages) => {
    const cpp = languages.findByName("C++");
    if (cpp && !languages.findByExtension("cu")) {
      languages.addLanguage({
        name: "CUDA C++",
        mime: "text/x-cuda",
        extensions: ["cu", "cuh"],
        load: async () => cpp.support ?? (await cpp.load()),
      });
    }
    app.docRegistry.addFileType({
      name: "cuda",
      displayName: "CUDA C++ file",
      extensions: [".cu", ".cuh"],
      mimeTypes: ["text/x-cuda"],
      iconClass: "jp-MaterialIcon jp-TextEditorIcon",
      fileFormat: "text",
      contentType: "file",
    });
  };

  const extension = async () => {
    const { IEditorLanguageRegistry } = await jupyterlab("@jupyterlab/codemirror");
    const plugin = {
      id: "mingpt-lab:cuda",
      description: "Opens .cu and .cuh files as CUDA C++.",
      autoStart: true,
      requires: [IEditorLanguageRegistry],
      activate,
    };
    return () => ({ __esModule: true, default: plugin });
  };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["mingpt-lab"] = {
    init: async (scope) => {
      shared = scope;
    },
    get: async (name) => {
      if (name !== "./extension") throw new Error(`mingpt-lab has no module ${name}`);
      return extension();
    },
  };
})();
