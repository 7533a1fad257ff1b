# What an installation holds: the public headers, one static library, CMake component and pkg-config
# file a module, and the program.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(eventstore_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/eventstore")

# A module's .pc file, beside its CMake component. Its libraries are static, so that what they need
# is required of every user.
function(eventstore_install_pkgconfig module)
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
             OUTPUT_VARIABLE pkgconfig_to_prefix)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/eventstore-${module}.pc.in" "eventstore-${module}.pc" @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/eventstore-${module}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

function(eventstore_install_package)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/eventstore" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
          FILES_MATCHING PATTERN "*.hpp")

  foreach(module IN LISTS ARGN)
    install(TARGETS eventstore_${module} EXPORT eventstore-${module}
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT eventstore-${module} NAMESPACE eventstore::
            FILE eventstore-${module}-targets.cmake DESTINATION "${eventstore_package_dir}")
    eventstore_install_pkgconfig(${module})
  endforeach()

  set(EVENTSTORE_INSTALLED_MODULES ${ARGN})
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/eventstoreConfig.cmake.in" eventstoreConfig.cmake
    INSTALL_DESTINATION "${eventstore_package_dir}" NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(eventstoreConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/eventstoreConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/eventstoreConfigVersion.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/FindxxHash.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/Findre2.cmake"
    DESTINATION "${eventstore_package_dir}")
endfunction()
