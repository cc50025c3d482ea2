# Writes OUTPUT: an array NAME of {file name, content} made of FILES. Run by CMakeLists.txt.
set(out "#include \"base/embedded.hpp\"\n\nnamespace granary::embedded {\n\nconst std::vector<File> ${NAME} = {\n")
foreach(file IN LISTS FILES)
  file(READ ${file} text)
  get_filename_component(name ${file} NAME)
  string(APPEND out "{\"${name}\", R\"~~~(${text})~~~\"},\n")
endforeach()
string(APPEND out "};\n\n}  // namespace granary::embedded\n")
file(WRITE ${OUTPUT} "${out}")
